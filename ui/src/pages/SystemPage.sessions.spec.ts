import { screen, within } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, test, vi } from 'vitest'

import type { Session } from '@/api/types'
import { FIRST, problem, SECOND, session, system } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

let sessions: Session[]

beforeEach(() => {
  sessions = [session({ id: SECOND, current: true }), session()]
  network.use(
    http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })),
    http.get('*/api/system', () => HttpResponse.json(system())),
    http.get('*/api/keys', () => HttpResponse.json({ items: [], next_cursor: null })),
    http.get('*/api/sessions', () => HttpResponse.json({ items: sessions, next_cursor: null })),
  )
})

describe('sessions', () => {
  const list = async () => within(await screen.findByRole('list', { name: 'Sessions' }))
  const elsewhere = () => screen.queryByRole('button', { name: 'Log out everywhere else' })

  test('are shown with what a person knows them by, and which is this browser', async () => {
    sessions = [session({ id: SECOND, current: true }), session({ user_agent: null })]

    await opened('/system')

    const [here, other] = (await list()).getAllByRole('listitem')
    expect(here).toHaveTextContent(/^Firefox on Linux this browser\s*logged in Jan 1, 2026/)
    expect(other).toHaveTextContent(/^Unknown browser\s*used Jan 2, 2026, logged in Jan 1, 2026/)
    expect(within(here!).getByRole('button', { name: 'Log out this browser' })).toBeVisible()
  })

  test('are ended one by one', async () => {
    const ended: unknown[] = []
    network.use(
      http.delete('*/api/sessions/:id', ({ params }) => {
        ended.push(params.id)
        sessions = sessions.slice(0, 1)
        return new HttpResponse(null, { status: 204 })
      }),
    )
    const { user } = await opened('/system')

    await user.click(
      await screen.findByRole('button', { name: 'Log out Firefox on Linux, logged in Jan 1, 2026' }),
    )

    expect(await screen.findByText('Firefox on Linux logged out')).toBeInTheDocument()
    expect((await list()).getAllByRole('listitem')).toHaveLength(1)
    expect(ended).toEqual([FIRST])
    expect(elsewhere()).toBeNull()
  })

  test('are ended all but this one', async () => {
    let asked = 0
    network.use(
      http.delete('*/api/sessions', () => {
        asked += 1
        sessions = sessions.slice(0, 1)
        return new HttpResponse(null, { status: 204 })
      }),
    )
    const { user } = await opened('/system')
    await list()

    await user.click(elsewhere()!)

    expect(await screen.findByText('All other browsers logged out')).toBeInTheDocument()
    expect((await list()).getByText('this browser')).toBeVisible()
    expect((await list()).getAllByRole('listitem')).toHaveLength(1)
    expect(asked).toBe(1)
    expect(elsewhere()).toBeNull()
  })

  test('that could not be ended are still there, and it can be tried again', async () => {
    const away = problem({ status: 503, code: 'database_away', detail: 'The database is away.' })
    network.use(http.delete('*/api/sessions', () => HttpResponse.json(away, { status: 503 })))
    const { user } = await opened('/system')
    await list()
    await user.click(elsewhere()!)
    expect(await screen.findByText('Could not log out the other browsers')).toBeInTheDocument()
    expect((await list()).getAllByRole('listitem')).toHaveLength(2)

    network.use(
      http.delete('*/api/sessions', () => {
        sessions = sessions.slice(0, 1)
        return new HttpResponse(null, { status: 204 })
      }),
    )
    await user.click(screen.getByRole('button', { name: 'Try again' }))

    expect(await screen.findByText('All other browsers logged out')).toBeInTheDocument()
  })

  test('that have ended meanwhile are no trouble', async () => {
    const gone = problem({ status: 404, code: 'not_found', detail: 'There is no session.' })
    network.use(http.delete('*/api/sessions/:id', () => HttpResponse.json(gone, { status: 404 })))
    const { user } = await opened('/system')

    await user.click(await screen.findByRole('button', { name: /^Log out Firefox on Linux/ }))

    expect(await screen.findByText('The session had already ended.')).toBeInTheDocument()
    expect(screen.queryByRole('button', { name: 'Try again' })).toBeNull()
  })

  test('beyond the first page come when they are asked for', async () => {
    network.use(
      http.get('*/api/sessions', ({ request }) => {
        const isFirst = new URL(request.url).searchParams.get('cursor') === null
        return HttpResponse.json(
          isFirst
            ? { items: sessions.slice(0, 1), next_cursor: 'next' }
            : { items: sessions.slice(1), next_cursor: null },
        )
      }),
    )
    const { user } = await opened('/system')
    await list()
    expect(elsewhere()).toBeVisible()

    await user.click(screen.getByRole('button', { name: 'Show more' }))

    await vi.waitFor(async () => {
      expect((await list()).getAllByRole('listitem')).toHaveLength(2)
    })
  })

  test('that cannot be read say so, and are read again', async () => {
    const away = problem({ status: 503, code: 'database_away', detail: 'The database is away.' })
    network.use(http.get('*/api/sessions', () => HttpResponse.json(away, { status: 503 })))
    const { user } = await opened('/system')
    expect(await screen.findByRole('alert')).toHaveTextContent(/The database is away\.\s*database_away/)

    network.use(http.get('*/api/sessions', () => HttpResponse.json({ items: sessions, next_cursor: null })))
    await user.click(screen.getByRole('button', { name: 'Try again' }))

    expect((await list()).getAllByRole('listitem')).toHaveLength(2)
  })

  test('of this browser end with the way to the log-in page', async () => {
    let loggedOut = 0
    network.use(
      http.post('*/api/logout', () => {
        loggedOut += 1
        return new HttpResponse(null, { status: 204 })
      }),
    )
    const { user, router } = await opened('/system')

    await user.click(await screen.findByRole('button', { name: 'Log out this browser' }))

    expect(await screen.findByRole('heading', { name: 'Log in' })).toBeVisible()
    expect(loggedOut).toBe(1)
    expect(router.currentRoute.value.name).toBe('login')
  })
})
