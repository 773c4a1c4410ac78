/** The places that the navigation, the palette and the keys lead to. */
import { Activity, Bot, History, Library } from '@lucide/vue'
import type { Component } from 'vue'

export interface Destination {
  name: 'agents' | 'executions' | 'knowledge' | 'system'
  label: string
  icon: Component
  keys: string
}

export const DESTINATIONS: Destination[] = [
  { name: 'agents', label: 'Agents', icon: Bot, keys: 'g a' },
  { name: 'executions', label: 'Executions', icon: History, keys: 'g e' },
  { name: 'knowledge', label: 'Knowledge', icon: Library, keys: 'g k' },
  { name: 'system', label: 'System', icon: Activity, keys: 'g s' },
]
