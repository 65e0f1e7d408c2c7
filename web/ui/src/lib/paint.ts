// Draws the SVG of a chart on a canvas. A browser would do so by an image whose source
// a script made: the pages' policy allows none, and such an image has none of the
// page's fonts. Charts use few elements; each has its styles as attributes.

type Context = CanvasRenderingContext2D;

const number = (element: Element, name: string) => parseFloat(element.getAttribute(name) ?? '') || 0;
const referenced = (value: string | null) => /^url\("?#([^")]+)"?\)/.exec(value ?? '')?.[1];

export function paint(svg: SVGSVGElement, density: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  const [width, height] = [number(svg, 'width'), number(svg, 'height')];
  [canvas.width, canvas.height] = [Math.ceil(width * density), Math.ceil(height * density)];
  const context = canvas.getContext('2d')!;
  context.scale(density, density);
  // Sizes of shapes are known in a document only.
  svg.style.position = 'fixed';
  svg.style.left = '-10000px';
  document.body.append(svg);
  try {
    for (const child of svg.children) draw(context, child, svg);
  } finally {
    svg.remove();
  }
  return canvas;
}

function draw(context: Context, element: Element, svg: SVGSVGElement): void {
  if (element.localName === 'defs') return;
  context.save();
  const opacity = element.getAttribute('opacity');
  if (opacity !== null) context.globalAlpha *= parseFloat(opacity);
  const shift = /translate\(([\d.]+)[ ,]([\d.]+)\)/.exec(element.getAttribute('transform') ?? '');
  if (shift) context.translate(Number(shift[1]), Number(shift[2]));
  if (element.localName === 'g') for (const child of element.children) draw(context, child, svg);
  else if (element.localName === 'text') drawText(context, element);
  else drawShape(context, element as SVGGraphicsElement, svg);
  context.restore();
}

function drawText(context: Context, element: Element): void {
  const size = number(element, 'font-size');
  const dy = element.getAttribute('dy') ?? '';
  const anchors: Record<string, CanvasTextAlign> = { middle: 'center', end: 'end' };
  context.font = `${element.getAttribute('font-weight') ?? 400} ${size}px ${element.getAttribute('font-family')}`;
  context.textAlign = anchors[element.getAttribute('text-anchor') ?? ''] ?? 'start';
  context.fillStyle = element.getAttribute('fill') ?? '';
  const y = number(element, 'y') + (dy.endsWith('em') ? parseFloat(dy) * size : 0);
  context.fillText(element.textContent, number(element, 'x'), y);
}

/** The outline of a shape; nothing for what is none. */
function outline(element: Element, { width, height }: { width: number; height: number }): Path2D | undefined {
  const of = (name: string) => number(element, name);
  const length = (name: string, whole: number) => (element.getAttribute(name) === '100%' ? whole : of(name));
  const path = new Path2D(element.localName === 'path' ? (element.getAttribute('d') ?? '') : '');
  switch (element.localName) {
    case 'path':
      return path;
    case 'rect':
      path.roundRect(of('x'), of('y'), length('width', width), length('height', height), of('rx'));
      return path;
    case 'line':
      path.moveTo(of('x1'), of('y1'));
      path.lineTo(of('x2'), of('y2'));
      return path;
    case 'circle':
      path.arc(of('cx'), of('cy'), of('r'), 0, 2 * Math.PI);
      return path;
  }
  return undefined;
}

function drawShape(context: Context, element: SVGGraphicsElement, svg: SVGSVGElement): void {
  const path = outline(element, { width: number(svg, 'width'), height: number(svg, 'height') });
  if (!path) return;
  const fill = element.getAttribute('fill');
  if (fill && fill !== 'none' && element.localName !== 'line') {
    context.fillStyle = fillOf(context, element, fill, svg);
    context.fill(path);
  }
  const stroke = element.getAttribute('stroke');
  if (stroke && stroke !== 'none') {
    const dashes = (element.getAttribute('stroke-dasharray') ?? '').match(/[\d.]+/g) ?? [];
    context.strokeStyle = stroke;
    context.lineWidth = number(element, 'stroke-width');
    context.lineJoin = (element.getAttribute('stroke-linejoin') as CanvasLineJoin | null) ?? 'miter';
    context.lineCap = (element.getAttribute('stroke-linecap') as CanvasLineCap | null) ?? 'butt';
    context.setLineDash(dashes.map(Number));
    context.stroke(path);
  }
}

function fillOf(context: Context, element: SVGGraphicsElement, fill: string, svg: SVGSVGElement): string | CanvasGradient | CanvasPattern {
  const id = referenced(fill);
  if (!id) return fill;
  const source = svg.querySelector(`[id="${CSS.escape(id)}"]`);
  if (source?.localName === 'linearGradient') return gradient(context, source, element);
  return (source && pattern(context, source, svg)) ?? 'transparent';
}

/** From the top of a shape to its bottom, as all of the charts' are. */
function gradient(context: Context, source: Element, element: SVGGraphicsElement): CanvasGradient {
  const { y, height } = element.getBBox();
  const made = context.createLinearGradient(0, y, 0, y + height);
  for (const stop of source.children) {
    const color = (stop.getAttribute('stop-color') ?? '').replace(/^rgb\((.*)\)$/, `rgba($1, ${stop.getAttribute('stop-opacity') ?? 1})`);
    made.addColorStop(number(stop, 'offset'), color);
  }
  return made;
}

function pattern(context: Context, source: Element, svg: SVGSVGElement): CanvasPattern | null {
  const density = 4; // it is small, and turned
  const cell = document.createElement('canvas');
  [cell.width, cell.height] = [number(source, 'width') * density, number(source, 'height') * density];
  const inside = cell.getContext('2d')!;
  inside.scale(density, density);
  for (const child of source.children) draw(inside, child, svg);
  const made = context.createPattern(cell, 'repeat');
  const turn = /rotate\(([-\d.]+)\)/.exec(source.getAttribute('patternTransform') ?? '');
  made?.setTransform(new DOMMatrix().rotate(Number(turn?.[1] ?? 0)).scale(1 / density));
  return made;
}
