/** The only door to the REST API, by subject. */
export * from './agents'
export * from './executions'
export { whenUnauthenticated, whenUnreachable } from './http'
export * from './session'
export * from './system'
