/** Where the events that were sent from here are: answers must have them. */
export const written = $state<{ position: string | undefined }>({ position: undefined });
