// A chart as a file. Its colours come from the page's styles, so they are written
// into a copy. SVG alone: the pages' policy allows no image that a script made.

const written = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'opacity', 'font-size', 'font-family', 'stop-color', 'stop-opacity'];
const namespace = 'http://www.w3.org/2000/svg';

function copyWithStyles(svg: SVGSVGElement): SVGSVGElement {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const originals = svg.querySelectorAll('*');
  copy.querySelectorAll('*').forEach((element, k) => {
    const style = getComputedStyle(originals[k]);
    for (const name of written) element.setAttribute(name, style.getPropertyValue(name));
  });
  const paper = document.createElementNS(namespace, 'rect');
  paper.setAttribute('width', '100%');
  paper.setAttribute('height', '100%');
  paper.setAttribute('fill', getComputedStyle(svg.closest('.card') ?? document.body).backgroundColor);
  copy.prepend(paper);
  copy.setAttribute('xmlns', namespace);
  return copy;
}

export function savePicture(svg: SVGSVGElement, name: string): void {
  const text = new XMLSerializer().serializeToString(copyWithStyles(svg));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'image/svg+xml' }));
  link.download = `${name}.svg`;
  link.click();
  URL.revokeObjectURL(link.href);
}
