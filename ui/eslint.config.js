import js from '@eslint/js'
import prettier from 'eslint-config-prettier'
import vue from 'eslint-plugin-vue'
import accessibility from 'eslint-plugin-vuejs-accessibility'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

const projects = ['./tsconfig.app.json', './tsconfig.spec.json', './tsconfig.node.json']

export default defineConfig(
  globalIgnores(['dist', 'coverage', 'src/api/schema.d.ts']),
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  vue.configs['flat/recommended'],
  accessibility.configs['flat/recommended'],
  {
    languageOptions: {
      parserOptions: { project: projects, parser: tseslint.parser, extraFileExtensions: ['.vue'] },
    },
    rules: {
      // The compiler knows the names, those of the browser included.
      'no-undef': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'vuejs-accessibility/label-has-for': ['error', { required: { some: ['nesting', 'id'] } }],
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/define-macros-order': [
        'error',
        { order: ['defineOptions', 'defineModel', 'defineProps', 'defineEmits'] },
      ],
      'vue/no-v-html': 'error',
      'vue/block-lang': ['error', { script: { lang: 'ts' } }],
      'max-lines': ['error', 350],
    },
  },
  {
    files: ['**/*.vue'],
    rules: {
      'max-lines': ['error', 150],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: [
                'agents',
                'client',
                'documents',
                'executions',
                'http',
                'session',
                'system',
                'uploads',
              ].map((name) => `**/api/${name}`),
              message: 'Components know stores and composables, not the client.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.spec.ts', 'src/testing/**'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  { files: ['**/*.js'], extends: [tseslint.configs.disableTypeChecked] },
  prettier,
)
