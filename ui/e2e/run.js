/** Runs a TypeScript file as a program, on every Node that the page is built with. */
import { runnerImport } from 'vite'

await runnerImport(process.argv[2] ?? '', { configFile: false })
