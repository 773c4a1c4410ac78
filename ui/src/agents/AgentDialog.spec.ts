import { screen, waitFor } from '@testing-library/vue'
import { http, HttpResponse } from 'msw'
import { beforeEach, expect, test } from 'vitest'

import { listed, quietInstance } from '@/testing/agentsNetwork'
import { LiveServer } from '@/testing/liveServer'
import { agent, problem, SECOND } from '@/testing/made'
import { network } from '@/testing/network'
import { opened } from '@/testing/opened'

beforeEach(quietInstance)

test('a new agent is created with all its settings and opened', async () => {
  const server = await LiveServer.start()
  listed()
  const sent: unknown[] = []
  network.use(
    http.post('*/api/agents', async ({ request }) => {
      sent.push(await request.json())
      return HttpResponse.json(agent({ id: SECOND }), { status: 201 })
    }),
    http.get('*/api/agents/:id', () => HttpResponse.json(agent({ id: SECOND }))),
    http.get('*/api/agents/:id/executions', () => HttpResponse.json({ items: [], next_cursor: null })),
  )
  const { user, router } = await opened('/')
  await user.click(await screen.findByRole('button', { name: 'New agent' }))

  await user.type(screen.getByLabelText('Name'), 'Lab manual')
  await user.clear(screen.getByLabelText('Passages'))
  await user.type(screen.getByLabelText('Passages'), '8')
  await user.click(screen.getByRole('button', { name: 'Create agent' }))

  await screen.findByRole('form', { name: 'Ask the agent' })
  expect(router.currentRoute.value.path).toBe(`/agents/${SECOND}`)
  expect(sent).toEqual([
    {
      name: 'Lab manual',
      description: '',
      instructions: '',
      generator: null,
      collection: 'default',
      top_k: 8,
      max_tokens: 1024,
      temperature: 0.2,
    },
  ])
  await server.stop()
})

test('what the API has against a field is said at the field, until it is changed', async () => {
  listed()
  const refusal = problem({
    status: 422,
    code: 'invalid',
    detail: 'The agent cannot be made as it is.',
    errors: [{ location: 'body.collection', message: 'must be another one' }],
  })
  network.use(http.post('*/api/agents', () => HttpResponse.json(refusal, { status: 422 })))
  const { user } = await opened('/')
  await user.click(await screen.findByRole('button', { name: 'New agent' }))

  await user.type(screen.getByLabelText('Name'), 'Lab manual')
  await user.click(screen.getByRole('button', { name: 'Create agent' }))

  const collection = await screen.findByLabelText('Collection')
  await waitFor(() => {
    expect(collection).toHaveAccessibleDescription(/must be another one/)
  })
  await user.selectOptions(collection, 'papers')
  expect(collection).not.toHaveAccessibleDescription(/must be another one/)
})

test('what is wrong is said as one types, and is not sent', async () => {
  listed(agent())
  const { user } = await opened('/?new=agent')

  await user.clear(await screen.findByLabelText('Temperature'))
  await user.type(screen.getByLabelText('Temperature'), '9')
  await user.selectOptions(screen.getByLabelText('Generator'), 'Other…')
  await user.type(screen.getByLabelText('Name of the generator'), 'g'.repeat(201))
  await user.click(screen.getByRole('button', { name: 'Create agent' }))

  expect(screen.getByLabelText('Temperature')).toHaveAccessibleDescription(/A number from 0 to 2\./)
  expect(screen.getByLabelText('Name of the generator')).toHaveAccessibleDescription(/At most 200 characters/)
  expect(screen.getByLabelText('Name')).toHaveAccessibleDescription(/Enter a name\./)
  expect(screen.getByLabelText('Name')).toHaveFocus()
})

test('an agent is edited in place, and the dialog says what it holds', async () => {
  listed(agent({ generator: 'openai:own', collection: 'papers' }))
  const sent: unknown[] = []
  network.use(
    http.patch('*/api/agents/:id', async ({ request }) => {
      sent.push(await request.json())
      return HttpResponse.json(agent({ name: 'Archivist' }))
    }),
  )
  const { user } = await opened('/')
  await user.click(await screen.findByRole('button', { name: 'Actions for Research assistant' }))
  await user.click(await screen.findByRole('menuitem', { name: 'Edit' }))

  expect(screen.getByLabelText('Name of the generator')).toHaveValue('openai:own')
  await user.clear(screen.getByLabelText('Name'))
  await user.type(screen.getByLabelText('Name'), 'Archivist')
  await user.click(screen.getByRole('button', { name: 'Save' }))

  expect(await screen.findByRole('link', { name: 'Archivist' })).toBeVisible()
  expect(sent).toMatchObject([{ name: 'Archivist', generator: 'openai:own', collection: 'papers' }])
})

test('what was typed is not thrown away by Escape', async () => {
  listed(agent())
  const { user } = await opened('/?new=agent')
  await user.type(await screen.findByLabelText('Name'), 'Lab')

  await user.keyboard('{Escape}')
  expect(screen.getByRole('alert')).toHaveTextContent('Discard your changes?')
  await user.click(screen.getByRole('button', { name: 'Keep editing' }))
  expect(screen.getByLabelText('Name')).toHaveValue('Lab')
  await user.keyboard('{Escape}')
  await user.click(screen.getByRole('button', { name: 'Discard' }))

  await waitFor(() => {
    expect(screen.queryByRole('dialog')).toBeNull()
  })
})
