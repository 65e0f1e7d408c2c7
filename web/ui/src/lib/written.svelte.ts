/** Where the events are that were sent from here: answers about their project must have them. */
export const written = $state<{ project?: number; position?: string }>({});
