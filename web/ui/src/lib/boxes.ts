// Charts that are no drawings: bars and tables of the page, whose boxes and words become
// the shapes of one.
import { element, type Drawing } from './shape';

type Color = [red: number, green: number, blue: number, alpha: number];

const dot = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!;

/** A color as viewers of files know it: the page's may be mixed of others. */
function colorOf(text: string): Color {
  dot.clearRect(0, 0, 1, 1);
  dot.fillStyle = text;
  dot.fillRect(0, 0, 1, 1);
  return [...dot.getImageData(0, 0, 1, 1).data] as unknown as Color;
}
const painted = ([red, green, blue, alpha]: Color, as: 'fill' | 'stroke') => ({ [as]: `rgb(${red}, ${green}, ${blue})`, opacity: alpha / 255 });

/** A text as far as its element shows it. */
function visible(text: string, { scrollWidth, clientWidth }: Element): string {
  if (!clientWidth || scrollWidth <= clientWidth) return text;
  return `${text.slice(0, Math.floor((text.length * clientWidth) / scrollWidth) - 1)}…`;
}

const anchors: Record<string, string> = { center: 'middle', right: 'end', end: 'end' };

export function boxes(chart: HTMLElement): Drawing {
  chart.closest('.scroll')?.scrollTo(0, 0);
  const whole = chart.getBoundingClientRect();
  const shapes = element('g', {});
  for (const one of [chart, ...chart.querySelectorAll<HTMLElement>('*')]) {
    const box = one.getBoundingClientRect();
    if (box.width <= 1) continue; // for screen readers, or nothing
    const style = getComputedStyle(one);
    const place = { x: box.x - whole.x, y: box.y - whole.y, width: box.width, height: box.height, rx: parseFloat(style.borderTopLeftRadius) || 0 };
    const fill = colorOf(style.backgroundColor);
    if (fill[3]) shapes.append(element('rect', { ...place, ...painted(fill, 'fill') }));
    if (style.outlineStyle === 'dashed') {
      shapes.append(element('rect', { ...place, fill: 'none', 'stroke-width': 1.5, 'stroke-dasharray': '3 3', ...painted(colorOf(style.outlineColor), 'stroke') }));
    }
    for (const child of one.childNodes) {
      const text = child.nodeType === Node.TEXT_NODE ? child.textContent!.trim() : '';
      if (text) shapes.append(word(child, visible(text, one), style, whole));
    }
  }
  return { shapes, width: whole.width, height: whole.height };
}

function word(node: Node, text: string, style: CSSStyleDeclaration, whole: DOMRect): SVGElement {
  const range = document.createRange();
  range.selectNodeContents(node);
  const { x, y, width, height } = range.getBoundingClientRect();
  const anchor = anchors[style.textAlign] ?? 'start';
  const along = { start: 0, middle: width / 2, end: width }[anchor] ?? 0;
  const font = { 'font-family': style.fontFamily, 'font-size': style.fontSize, 'font-weight': style.fontWeight };
  const place = { x: x - whole.x + along, y: y - whole.y + height / 2, dy: '.35em', 'text-anchor': anchor };
  return element('text', { ...place, ...font, ...painted(colorOf(style.color), 'fill') }, text);
}
