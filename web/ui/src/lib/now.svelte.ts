import { createSubscriber } from 'svelte/reactivity';
import { today } from './time';

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, 1000);
  return () => clearInterval(timer);
});

/** The time, once a second while something shows it. */
export function now(): number {
  subscribe();
  return Date.now();
}

// Days begin with a minute in every zone.
const subscribeToMinutes = createSubscriber((update) => {
  let timer: ReturnType<typeof setTimeout>;
  const wait = () => {
    timer = setTimeout(() => {
      update();
      wait();
    }, 60_000 - (Date.now() % 60_000));
  };
  wait();
  return () => clearTimeout(timer);
});

/** The day in a zone; what shows it is told when the next one begins. */
export function todayIn(zone: string): string {
  subscribeToMinutes();
  return today(zone);
}
