// JSON without the loss of digits: JSON.parse takes numbers for floating point, and
// 9007199254740993 becomes 9007199254740992.

const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},:]/g;

/** The members of a JSON object, each as the text that it is; undefined of other JSON. Throws if it is none. */
export function membersOf(text: string): Map<string, string> | undefined {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
  const members = new Map<string, string>();
  let depth = 0;
  let name = '';
  let begin = 0; // of a value, or before one 0
  for (const { 0: token, index } of text.matchAll(tokens)) {
    if (depth === 1) {
      if (token === ':') begin = index + 1;
      else if (token[0] === '"' && !begin) name = JSON.parse(token) as string;
      else if ((token === ',' || token === '}') && begin) {
        members.set(name, text.slice(begin, index).trim());
        begin = 0;
      }
    }
    if (token === '{' || token === '[') depth++;
    if (token === '}' || token === ']') depth--;
  }
  return members;
}

/** What a JSON value says: of a string its text, of null nothing. */
export function plainOf(json: string): string {
  if (json === 'null') return '';
  return json[0] === '"' ? (JSON.parse(json) as string) : json;
}
