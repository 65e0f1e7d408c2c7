// A chart as a file, with what it shows written above it. Its colours come from the
// page's styles, so they are written into a copy.
import { boxes } from './boxes';
import { saveFile } from './file';
import { paint } from './paint';
import { element, namespace, type Drawing } from './shape';

/** What a picture says of itself. */
export interface Caption {
  title: string;
  /** Range, zone, until when it is complete. */
  details: string;
  legend: { name: string; color: string }[];
}

const written = [
  'fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linejoin', 'stroke-linecap', 'opacity', 'stop-color', 'stop-opacity',
  'font-size', 'font-family', 'font-weight', 'text-anchor', 'paint-order',
];

const margin = 20;
const titleSize = 16;
const textSize = 12;
const row = 20; // of the legend

/** A color of the styles as it is on the page. */
function resolved(color: string, on: Element): string {
  const probe = document.createElement('span');
  probe.style.color = color;
  on.append(probe);
  const { color: seen } = getComputedStyle(probe);
  probe.remove();
  return seen;
}

/** The width of a text, so that the legend wraps. */
function measured(text: string, font: string): number {
  const context = document.createElement('canvas').getContext('2d')!;
  context.font = font;
  return context.measureText(text).width;
}

function copyWithStyles(svg: SVGSVGElement): Drawing {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const originals = svg.querySelectorAll('*');
  copy.querySelectorAll('*').forEach((one, k) => {
    const style = getComputedStyle(originals[k]);
    for (const name of written) one.setAttribute(name, style.getPropertyValue(name));
    one.removeAttribute('class');
  });
  const shapes = element('g', {});
  shapes.append(...copy.childNodes);
  return { shapes, width: Number(svg.getAttribute('width')), height: Number(svg.getAttribute('height')) };
}

/** The chart's copy below its caption. */
function captioned(chart: SVGSVGElement | HTMLElement, { title, details, legend }: Caption): SVGSVGElement {
  const drawing = chart instanceof SVGSVGElement ? copyWithStyles(chart) : boxes(chart);
  const card = chart.closest('.card') ?? document.body;
  const ink = getComputedStyle(card).color;
  const pale = resolved('var(--ink-3)', card);
  const { fontFamily: family } = getComputedStyle(card);
  const width = drawing.width + 2 * margin;
  const whole = element('svg', { xmlns: namespace, width }) as SVGSVGElement;
  whole.append(element('rect', { width: '100%', height: '100%', fill: getComputedStyle(card).backgroundColor }));
  const write = (text: string, x: number, y: number, more: Record<string, string | number>) =>
    whole.append(element('text', { x, y, 'font-family': family, 'font-size': `${textSize}px`, fill: ink, ...more }, text));

  let y = margin + titleSize;
  write(title, margin, y, { 'font-size': `${titleSize}px`, 'font-weight': 600 });
  y += 20;
  write(details, margin, y, { fill: pale });
  if (legend.length > 1) {
    let x = margin;
    y += 24;
    for (const { name, color } of legend) {
      const wide = 16 + measured(name, `${textSize}px ${family}`) + 18;
      if (x > margin && x + wide > width - margin) [x, y] = [margin, y + row];
      whole.append(element('rect', { x, y: y - 9, width: 10, height: 10, rx: 3, fill: resolved(color, card) }));
      write(name, x + 16, y, {});
      x += wide;
    }
  }
  y += 14;
  drawing.shapes.setAttribute('transform', `translate(${margin} ${y})`);
  whole.append(drawing.shapes);
  whole.setAttribute('height', String(y + drawing.height + margin));
  return whole;
}

function saveSVG(svg: SVGSVGElement, name: string): void {
  const text = new XMLSerializer().serializeToString(svg);
  saveFile(new Blob([text], { type: 'image/svg+xml' }), `${name}.svg`);
}

const density = 2; // pixels of the file for each of the page

async function savePNG(svg: SVGSVGElement, name: string): Promise<void> {
  const canvas = paint(svg, density);
  const file = await new Promise<Blob | null>((made) => canvas.toBlob(made, 'image/png'));
  if (!file) throw new Error('This browser makes no picture of that size.');
  saveFile(file, `${name}.png`);
}

const formats = { PNG: savePNG, SVG: saveSVG };

/** Saves a chart under a name. */
export async function savePicture(chart: SVGSVGElement | HTMLElement, caption: Caption, name: string, format: keyof typeof formats): Promise<void> {
  await formats[format](captioned(chart, caption), name);
}
