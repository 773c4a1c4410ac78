/** An agent's settings as rows to read. */
import type { AgentSettings } from '@/api/types'

export interface SettingRow {
  readonly name: string
  readonly value: string
}

export function settingRows(settings: AgentSettings): SettingRow[] {
  return [
    { name: 'Agent', value: settings.name },
    { name: 'Generator', value: settings.generator ?? 'Default' },
    { name: 'Collection', value: settings.collection },
    { name: 'Passages', value: String(settings.top_k) },
    { name: 'Maximum answer length', value: `${settings.max_tokens.toLocaleString('en')} tokens` },
    { name: 'Temperature', value: String(settings.temperature) },
    { name: 'Instructions', value: settings.instructions === '' ? '–' : settings.instructions },
  ]
}
