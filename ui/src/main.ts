import '@/styles/tokens.css'
import '@/styles/base.css'
import '@/styles/controls.css'
import '@/styles/overlays.css'
import '@/styles/print.css'

import { createPinia } from 'pinia'
import { createApp } from 'vue'

import App from './App.vue'
import { createPages } from './router'

const app = createApp(App).use(createPinia())
app.use(createPages()).mount('#app')
