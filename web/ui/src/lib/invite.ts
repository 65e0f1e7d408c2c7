// Links that invite whoever has them to a project. As with shares, the secret is after
// the #, so that it reaches no log.

/** The secret of an address; nothing where it is none. */
export const inviteOf = (hash: string): string => /^#(ei_[a-z2-7]{52})$/.exec(hash)?.[1] ?? '';

export const inviteLink = (origin: string, secret: string): string => `${origin}/invite#${secret}`;
