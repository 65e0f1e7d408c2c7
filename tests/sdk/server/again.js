// What an application does with an SDK that leaves it to the caller to try again.

/** Calls attempt until it succeeds. */
export async function untilSent(attempt) {
  for (let pause = 100; ; pause = Math.min(2 * pause, 2_000)) {
    try {
      return await attempt();
    } catch {
      await new Promise((next) => setTimeout(next, pause));
    }
  }
}
