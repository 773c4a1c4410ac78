/** The notifications of a browser, as a page sees them: happy-dom has none. */
import { vi } from 'vitest'

export interface ShownNotification {
  title: string
  body: string
  onclick: (() => void) | null
  isClosed: boolean
}

export class BrowserNotifications {
  readonly shown: ShownNotification[] = []
  /** How often the person was asked. */
  asked = 0

  /** `answer`: what the person says when asked. */
  constructor(answer: NotificationPermission) {
    const { shown } = this
    const ask = () => {
      this.asked += 1
    }
    class FakeNotification implements ShownNotification {
      static permission: NotificationPermission = 'default'
      static requestPermission(): Promise<NotificationPermission> {
        ask()
        FakeNotification.permission = answer
        return Promise.resolve(answer)
      }
      readonly body: string
      onclick: (() => void) | null = null
      isClosed = false
      constructor(
        readonly title: string,
        { body = '' }: NotificationOptions = {},
      ) {
        this.body = body
        shown.push(this)
      }
      close(): void {
        this.isClosed = true
      }
    }
    vi.stubGlobal('Notification', FakeNotification)
  }
}
