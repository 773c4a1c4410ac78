import { screen, waitFor, within } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { beforeEach, expect, test } from 'vitest'

import type { Document } from '@/api/types'
import { quietInstance } from '@/testing/agentsNetwork'
import { FIRST, knownDocument, problem, SECOND } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

const both = [knownDocument(), knownDocument({ id: SECOND, name: 'plan.md' })]

function shelved(...documents: Document[]): void {
  network.use(http.get('*/api/documents', () => HttpResponse.json({ items: documents, next_cursor: null })))
}

beforeEach(() => {
  quietInstance()
  shelved(...both)
})

const documents = () => screen.findByRole('list', { name: 'Documents' })

/** What is deleted, as long as the API lets it be. */
function deletable(refused: string | null = null): { deleted: unknown[]; allow: () => void } {
  const deleted: unknown[] = []
  let refusedId = refused
  network.use(
    http.delete('*/api/documents/:id', ({ params }) => {
      if (params.id === refusedId) {
        const away = problem({ status: 503, code: 'mcp_away', detail: 'The MCP service does not answer.' })
        return HttpResponse.json(away, { status: 503 })
      }
      deleted.push(params.id)
      shelved(...both.filter(({ id }) => !deleted.includes(id)))
      return new HttpResponse(null, { status: 204 })
    }),
  )
  return { deleted, allow: () => (refusedId = null) }
}

test('several documents are deleted by keys alone, after a question', async () => {
  const { deleted } = deletable()
  const { user } = await opened('/knowledge')
  await documents()

  screen.getByRole('checkbox', { name: 'Select notes.md' }).focus()
  await user.keyboard(' ')
  expect(screen.getByText('1 selected')).toBeVisible()
  expect(screen.getByRole('checkbox', { name: 'Select all' })).toBePartiallyChecked()
  screen.getByRole('checkbox', { name: 'Select all' }).focus()
  await user.keyboard(' ')
  screen.getByRole('button', { name: /^Delete \d selected/ }).focus()
  await user.keyboard('{Enter}')
  const dialog = within(await screen.findByRole('dialog', { name: 'Delete documents' }))
  expect(dialog.getAllByRole('listitem').map((item) => item.textContent)).toEqual(['notes.md', 'plan.md'])
  expect(deleted).toEqual([])
  await user.click(dialog.getByRole('button', { name: 'Delete' }))

  expect(await screen.findByRole('heading', { name: 'Add your first documents' })).toBeVisible()
  expect(deleted).toEqual([FIRST, SECOND])
})

test('several documents stay where they are without a yes', async () => {
  const { deleted } = deletable()
  const { user } = await opened('/knowledge')
  await documents()
  await user.click(screen.getByRole('checkbox', { name: 'Select plan.md' }))
  await user.click(screen.getByRole('button', { name: /^Delete \d selected/ }))

  await user.keyboard('{Escape}')

  expect(screen.queryByRole('dialog')).toBeNull()
  expect(screen.getByRole('checkbox', { name: 'Select plan.md' })).toBeChecked()
  expect(deleted).toEqual([])
})

test('of several documents the one that cannot be deleted says so, and can be tried again', async () => {
  const { deleted, allow } = deletable(SECOND)
  const { user } = await opened('/knowledge')
  await documents()
  await user.click(screen.getByRole('checkbox', { name: 'Select all' }))
  await user.click(screen.getByRole('button', { name: /^Delete \d selected/ }))
  const dialog = within(await screen.findByRole('dialog', { name: 'Delete documents' }))
  await user.click(dialog.getByRole('button', { name: 'Delete' }))
  expect(await dialog.findByRole('alert')).toHaveTextContent(/does not answer\.\s*mcp_away/)
  expect(dialog.getAllByRole('listitem').map((item) => item.textContent)).toEqual(['plan.md'])

  allow()
  await user.click(dialog.getByRole('button', { name: 'Try again' }))

  await waitFor(() => {
    expect(deleted).toEqual([FIRST, SECOND])
  })
})
