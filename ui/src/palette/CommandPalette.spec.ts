import { screen, within } from '@testing-library/vue'
import type { UserEvent } from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, test, vi } from 'vitest'

import { LiveServer } from '@/testing/liveServer'
import { agent, AGENT, execution, problem, SECOND } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

const asked: string[] = []

beforeEach(() => {
  asked.length = 0
  network.use(
    http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })),
    http.get('*/api/agents', () => HttpResponse.json({ items: [agent()], next_cursor: null })),
    http.get('*/api/executions', ({ request }) => {
      asked.push(new URL(request.url).searchParams.get('q') ?? '')
      return HttpResponse.json({ items: [execution()], next_cursor: null })
    }),
  )
})

async function openedPalette(user: UserEvent): Promise<HTMLElement> {
  await user.keyboard('{Control>}k{/Control}')
  return screen.findByRole('dialog', { name: 'Search or go to' })
}

describe('the palette', () => {
  test('opens by keys and by its button, and closes by Escape', async () => {
    const { user } = await opened('/nowhere')

    await openedPalette(user)
    await user.keyboard('{Escape}')
    await vi.waitFor(() => {
      expect(screen.queryByRole('dialog')).toBeNull()
    })
    await user.click(screen.getByRole('button', { name: /^Search or go to/ }))

    expect(await screen.findByRole('dialog', { name: 'Search or go to' })).toBeVisible()
  })

  test('shows agents, pages, recent executions and actions', async () => {
    const { user } = await opened('/nowhere')

    const palette = await openedPalette(user)

    expect(await within(palette).findByRole('option', { name: /^Research assistant/ })).toBeVisible()
    expect(await within(palette).findByRole('option', { name: /^What is fNIRS\?/ })).toBeVisible()
    const groups = within(palette).getAllByRole('group')
    expect(groups.map((group) => group.firstElementChild?.textContent)).toEqual([
      'Agents',
      'Pages',
      'Recent executions',
      'Actions',
    ])
  })

  test('goes where Enter says', async () => {
    const { user, router } = await opened('/nowhere')
    await openedPalette(user)

    await user.keyboard('knowl')
    await screen.findByRole('option', { name: /^Knowledge/ })
    await user.keyboard('{Enter}')

    await vi.waitFor(() => {
      expect(router.currentRoute.value.name).toBe('knowledge')
    })
    expect(screen.queryByRole('dialog')).toBeNull()
  })

  test('finds executions by what is typed, and offers to ask it', async () => {
    const server = await LiveServer.start()
    network.use(
      http.get('*/api/agents/:id', () => HttpResponse.json(agent())),
      http.get('*/api/agents/:id/executions', () => HttpResponse.json({ items: [], next_cursor: null })),
    )
    const { user, router } = await opened('/nowhere')
    await openedPalette(user)

    await user.keyboard('How deep?')
    await vi.waitFor(() => {
      expect(asked.at(-1)).toBe('How deep?')
    })
    expect(asked.length).toBeLessThan(5)
    await user.click(await screen.findByRole('option', { name: 'Ask Research assistant: How deep?' }))

    const field = await screen.findByRole('textbox', { name: 'Question' })
    await vi.waitFor(() => {
      expect(field).toHaveFocus()
    })
    expect(field).toHaveValue('How deep?')
    expect(router.currentRoute.value.fullPath).toMatch(`/agents/${AGENT}?question=How`)
    await server.stop()
  })

  test('says what the API says when nothing can be read', async () => {
    const away = problem({ status: 503, code: 'database_away', detail: 'The database is away.' })
    network.use(http.get('*/api/executions', () => HttpResponse.json(away, { status: 503 })))
    const { user } = await opened('/nowhere')

    const palette = await openedPalette(user)

    expect(await within(palette).findByRole('alert')).toHaveTextContent('The database is away. database_away')
  })

  test('chooses the theme', async () => {
    const { user } = await opened('/nowhere')
    await openedPalette(user)

    await user.keyboard('dark')
    await user.click(await screen.findByRole('option', { name: 'Dark theme' }))

    expect(document.documentElement.dataset.theme).toBe('dark')
  })
})
