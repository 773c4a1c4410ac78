/** The only door to the REST API, by subject. */
export * from './agents'
export * from './documents'
export * from './executions'
export { whenUnauthenticated, whenUnreachable } from './http'
export * from './session'
export * from './system'
export * from './uploads'
