/** Characters of the events that wait, at most; browsers give a site about 5 MB. */
const maxLength = 1 << 20;

/** Characters of a batch, at most: a browser takes 64 KiB of beacons at a time. */
const maxBatch = 60_000;

/**
 * Events that no answer has confirmed, in the order of their calls: in memory and, if
 * there is one, in a storage, where the next page finds them. Each has an item of its own
 * there, so that tabs never overwrite each other's events. Two tabs may send the same
 * event; its id makes that harmless.
 */
export interface Queue {
  add(id: string, json: string): boolean;
  /** The ids of the oldest events that fit into one request, without those of skip. */
  batch(skip?: Set<string>): string[];
  json(id: string): string;
  remove(ids: string[]): void;
  size(): number;
}

export function createQueue(storage: Storage | undefined, prefix: string): Queue {
  const events = new Map<string, string>();
  let length = 0;
  const hold = (id: string, json: string) => {
    events.set(id, json);
    length += json.length;
  };
  for (const key of Object.keys(storage ?? {}).sort()) {
    const id = key.slice(prefix.length);
    if (key.startsWith(prefix) && id.length === 36) hold(id, storage!.getItem(key)!);
  }
  return {
    add(id, json) {
      if (length + json.length > maxLength) return false;
      hold(id, json);
      try {
        storage?.setItem(prefix + id, json);
      } catch {
        // The storage is full: the event is in memory.
      }
      return true;
    },
    batch(skip) {
      const ids: string[] = [];
      let left = maxBatch;
      for (const [id, json] of events) {
        if (skip?.has(id)) continue;
        left -= bytes(json);
        if (left < 0 && ids.length) break;
        ids.push(id);
      }
      return ids;
    },
    json: (id) => events.get(id)!,
    remove(ids) {
      for (const id of ids) {
        length -= events.get(id)?.length ?? 0;
        events.delete(id);
        storage?.removeItem(prefix + id);
      }
    },
    size: () => events.size,
  };
}

const bytes = (text: string) => new Blob([text]).size;
