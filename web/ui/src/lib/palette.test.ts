// Any two colours of series must differ for people with normal, protan, deutan and
// tritan sight, and each from the paper.
import { describe, expect, it } from 'vitest';
import css from '../styles/tokens.css?raw';
import { dark, light } from './palette';

type Rgb = [number, number, number];

const linear = (c: number) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const rgb = (hex: string) => [1, 3, 5].map((i) => linear(parseInt(hex.slice(i, i + 2), 16) / 255)) as Rgb;

function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

// Machado, Oliveira and Fernandes (2009), severity 1.
const sights = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protan: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deutan: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritan: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
};

function seen(m: number[], [r, g, b]: Rgb): Rgb {
  const clip = (c: number) => Math.min(1, Math.max(0, c));
  return [0, 3, 6].map((row) => clip(m[row] * r + m[row + 1] * g + m[row + 2] * b)) as Rgb;
}

const luminance = ([r, g, b]: Rgb) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
function contrast(a: string, b: string): number {
  const [low, high] = [luminance(rgb(a)), luminance(rgb(b))].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

function leastDistance(colors: string[], sight: number[]): number {
  const labs = colors.map((color) => oklab(seen(sight, rgb(color))));
  let least = Infinity;
  labs.forEach((a, i) => {
    for (const b of labs.slice(0, i)) least = Math.min(least, Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]));
  });
  return least;
}

describe.each([
  ['light', light, '#ffffff', 0.083],
  ['dark', dark, '#181c1a', 0.098],
])('%s', (_, colors, paper, distance) => {
  it.each(Object.entries(sights))('differs for %s sight', (_, sight) => {
    expect(leastDistance(colors, sight)).toBeGreaterThanOrEqual(distance - 0.0005);
  });
  it('stands out from the paper', () => {
    for (const color of colors) expect(contrast(color, paper), color).toBeGreaterThanOrEqual(3);
  });
});

it('is that of the styles', () => {
  const written = [...css.matchAll(/--c(\d): light-dark\((#\w+), (#\w+)\)/g)];
  expect(written.map(([, , color]) => color)).toEqual(light);
  expect(written.map(([, , , color]) => color)).toEqual(dark);
});
