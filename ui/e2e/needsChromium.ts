import { findChromium, HOW_TO_INSTALL } from './chromium'

/** Says what is missing in one line, before anything is started. */
export default function needsChromium(): void {
  if (findChromium() === null) {
    process.stderr.write(`${HOW_TO_INSTALL}\n`)
    process.exit(1)
  }
}
