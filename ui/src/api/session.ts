/** Who is logged in, in which browsers, and with which keys programs are. */
import { answered, done, http, settled } from './http'
import { part } from './pages'
import type { ApiKey, NewApiKey, Page, Session, User } from './types'

const SESSIONS_AT_ONCE = 50

export function me(): Promise<User> {
  return answered(http.GET('/api/me'))
}

/** A wrong code or key is for the log-in page to show, so it leads nowhere else. */
export async function login(credential: { code: string } | { api_key: string }): Promise<void> {
  await settled(http.POST('/api/login', { body: credential }))
}

export async function logout(): Promise<void> {
  await settled(http.POST('/api/logout'))
}

export function listKeys(): Promise<Page<ApiKey>> {
  return answered(http.GET('/api/keys'))
}

/** The answer is the only place where the key itself is. */
export function createKey(name: string): Promise<NewApiKey> {
  return answered(http.POST('/api/keys', { body: { name } }))
}

export function revokeKey(keyId: string): Promise<void> {
  return done(http.DELETE('/api/keys/{key_id}', { params: { path: { key_id: keyId } } }))
}

/** Newest first. */
export function listSessions(cursor: string | null): Promise<Page<Session>> {
  return answered(http.GET('/api/sessions', { params: { query: part(SESSIONS_AT_ONCE, cursor) } }))
}

export function endSession(sessionId: string): Promise<void> {
  return done(http.DELETE('/api/sessions/{session_id}', { params: { path: { session_id: sessionId } } }))
}

/** Ends all sessions of the user but this browser's. */
export function endOtherSessions(): Promise<void> {
  return done(http.DELETE('/api/sessions'))
}
