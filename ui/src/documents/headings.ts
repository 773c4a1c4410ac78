/** The headings of passages: the path to a section, outermost first. */
const SEPARATOR = ' › '

/** The title of the innermost section; empty without one. */
export function sectionTitle(heading: string): string {
  return heading.split(SEPARATOR).at(-1) ?? ''
}
