export const namespace = 'http://www.w3.org/2000/svg';

/** An element of SVG. */
export function element(name: string, attributes: Record<string, string | number>, text = ''): SVGElement {
  const made = document.createElementNS(namespace, name) as SVGElement;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.textContent = text;
  return made;
}

/** Shapes of a size. */
export interface Drawing {
  shapes: SVGElement;
  width: number;
  height: number;
}
