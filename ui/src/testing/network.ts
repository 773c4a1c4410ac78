/** The network as tests see it: what is not answered by a handler is an error. */
import { setupServer } from 'msw/node'

export const network = setupServer()
