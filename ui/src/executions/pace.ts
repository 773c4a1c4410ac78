/** How often what streams is drawn, in milliseconds: every second frame. More looks no smoother, and costs twice. */
export const DRAW_EVERY = 33
