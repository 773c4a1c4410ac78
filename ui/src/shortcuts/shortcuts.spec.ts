import { screen, within } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { beforeEach, describe, expect, test, vi } from 'vitest'

import { SECOND } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

import { presses } from './keyNames'

beforeEach(() => {
  network.use(
    http.get('*/api/me', () => HttpResponse.json({ id: SECOND, name: 'owner' })),
    http.get('*/api/agents', () => HttpResponse.json({ items: [], next_cursor: null })),
    http.get('*/api/executions', () => HttpResponse.json({ items: [], next_cursor: null })),
    http.get('*/api/system', () => new Promise<never>(() => undefined)),
    http.get('*/api/keys', () => HttpResponse.json({ items: [], next_cursor: null })),
  )
})

describe('keys', () => {
  test('go from page to page', async () => {
    const { user, router } = await opened('/nowhere')

    await user.keyboard('gs')

    await vi.waitFor(() => {
      expect(router.currentRoute.value.name).toBe('system')
    })
  })

  test('do nothing while somebody types, but open the palette', async () => {
    const { user, router } = await opened('/system')
    const field = await screen.findByRole('textbox', { name: 'New API key' })

    await user.type(field, 'gk?/')
    expect(field).toHaveValue('gk?/')
    expect(screen.queryByRole('dialog')).toBeNull()
    expect(router.currentRoute.value.name).toBe('system')

    await user.keyboard('{Control>}k{/Control}')
    expect(await screen.findByRole('dialog', { name: 'Search or go to' })).toBeVisible()
  })

  test('are listed behind ?, and do nothing else while the list is open', async () => {
    const { user, router } = await opened('/nowhere')

    await user.keyboard('?')
    const list = await screen.findByRole('dialog', { name: 'Keyboard shortcuts' })

    expect(within(list).getByText('Executions').closest('div')).toHaveTextContent(/Executions\s*GthenE/)
    await user.keyboard('gs')
    expect(router.currentRoute.value.name).toBe('missing')
    await user.keyboard('{Escape}')
    await vi.waitFor(() => {
      expect(screen.queryByRole('dialog')).toBeNull()
    })
  })

  test('mean nothing to who is not logged in', async () => {
    const { user, router } = await opened('/login')

    await user.keyboard('gs?')

    expect(screen.queryByRole('dialog')).toBeNull()
    expect(router.currentRoute.value.name).toBe('login')
  })

  test('/ opens the palette where a page has no field of its own', async () => {
    const { user } = await opened('/nowhere')

    await user.keyboard('/')

    expect(await screen.findByRole('dialog', { name: 'Search or go to' })).toBeVisible()
  })
})

test('keys are written as they stand on the keyboard', () => {
  expect(presses('$mod+k')).toEqual([['Ctrl', 'K']])
  expect(presses('g a')).toEqual([['G'], ['A']])
  expect(presses('Escape')).toEqual([['Esc']])
})
