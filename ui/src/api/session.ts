/** Who is logged in, and with which keys programs are. */
import { answered, done, http, settled } from './http'
import type { ApiKey, NewApiKey, Page, User } from './types'

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
