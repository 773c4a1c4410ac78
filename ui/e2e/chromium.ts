/** The Chromium that this machine has. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const MAC = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--no-first-run',
  '--disable-sync',
  '--disable-component-update',
]

export const HOW_TO_INSTALL =
  'The browser test needs Chromium: run `sudo apt-get install chromium` (Debian) or `brew install --cask chromium` (macOS), or set CHROMIUM_PATH.'

export function findChromium(): string | null {
  const configured = [process.env.CHROMIUM_PATH, process.env.CHROMIUM]
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => NAMES.map((name) => join(folder, name)))
  return (
    [...configured, ...onPath, ...MAC].find((path) => path !== undefined && path !== '' && isProgram(path)) ??
    null
  )
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
