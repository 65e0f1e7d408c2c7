// Paths as a picture: columns of nodes with bands between them.
import type { Schemas } from './api';

export type PathsRow = Schemas['PathsRow'];

export interface Node {
  key: string;
  name: string;
  kind: 'value' | 'other' | 'end';
  step: number;
  paths: number;
  y: number;
  height: number;
}

export interface Band {
  from: Node;
  to: Node;
  paths: number;
  users: number;
  y0: number;
  y1: number;
  height: number;
}

export interface Flow {
  columns: Node[][];
  bands: Band[];
  total: number;
}

const names = { other: 'Other', end: 'Ended' } as const;

function nameOf(group: string, value: string | null | undefined): string {
  if (group === 'other' || group === 'end') return names[group];
  return value ?? '(none)';
}

/** Lays the rows out in a height, with a gap between the nodes of a column. */
export function flow(rows: PathsRow[], height: number, gap: number): Flow {
  const nodes = new Map<string, Node>();
  const at = (step: number, group: string, value: string | null | undefined): Node => {
    const key = JSON.stringify([step, group, value ?? null]);
    let node = nodes.get(key);
    if (!node) {
      node = { key, name: nameOf(group, value), kind: group as Node['kind'], step, paths: 0, y: 0, height: 0 };
      nodes.set(key, node);
    }
    return node;
  };
  const bands: Band[] = rows.map((row) => {
    const from = at(row.step, row.source_group, row.source);
    const to = at(row.step + 1, row.target_group, row.target);
    return { from, to, paths: row.paths, users: row.users, y0: 0, y1: 0, height: 0 };
  });
  // What comes in goes out or ends; the first column has only what goes out.
  for (const node of nodes.values()) {
    const incoming = bands.filter((band) => band.to === node);
    const through = incoming.length ? incoming : bands.filter((band) => band.from === node);
    node.paths = through.reduce((sum, band) => sum + band.paths, 0);
  }
  const columns = toColumns([...nodes.values()]);
  const total = columns[0]?.reduce((sum, node) => sum + node.paths, 0) ?? 0;
  const most = Math.max(1, ...columns.map((column) => column.length));
  const scale = total ? (height - gap * (most - 1)) / total : 0;
  for (const column of columns) place(column, scale, gap);
  placeBands(columns, bands, scale);
  return { columns, bands, total };
}

const order = { value: 0, other: 1, end: 2 };

function toColumns(nodes: Node[]): Node[][] {
  const columns: Node[][] = [];
  for (const node of nodes) (columns[node.step - 1] ??= []).push(node);
  for (const column of columns) column.sort((a, b) => order[a.kind] - order[b.kind] || b.paths - a.paths);
  return columns;
}

function place(column: Node[], scale: number, gap: number): void {
  let y = 0;
  for (const node of column) {
    node.y = y;
    node.height = Math.max(1, node.paths * scale);
    y += node.height + gap;
  }
}

/** Bands leave and enter a node in the order of the nodes at their other end. */
function placeBands(columns: Node[][], bands: Band[], scale: number): void {
  for (const node of columns.flat()) {
    let out = node.y;
    for (const band of bands.filter((one) => one.from === node).sort((a, b) => a.to.y - b.to.y)) {
      band.y0 = out;
      band.height = Math.max(0.5, band.paths * scale);
      out += band.height;
    }
    let into = node.y;
    for (const band of bands.filter((one) => one.to === node).sort((a, b) => a.from.y - b.from.y)) {
      band.y1 = into;
      into += Math.max(0.5, band.paths * scale);
    }
  }
}
