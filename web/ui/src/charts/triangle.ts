// Retention as a triangle of cohorts by windows, and its average.

export interface Cell {
  rate: number;
  users: number;
  incomplete: boolean;
}

export interface Cohort {
  label: string;
  size: number;
  cells: Cell[];
}

/** A row of a retention answer; the cohort's column is named after the granularity. */
export interface RetentionRow {
  cohort_size: number;
  retained_users: number;
  retention_rate: number | null;
  incomplete: boolean;
  [column: string]: string | number | boolean | null;
}

/** The rows of each cohort together. The API answers in the order of cohorts and windows. */
export function triangle(rows: RetentionRow[], column: string, label: (cohort: string) => string): Cohort[] {
  const cohorts = new Map<string, Cohort>();
  for (const row of rows) {
    const key = String(row[column]);
    let cohort = cohorts.get(key);
    if (!cohort) cohorts.set(key, (cohort = { label: label(key), size: row.cohort_size, cells: [] }));
    cohort.cells.push({ rate: row.retention_rate ?? 0, users: row.retained_users, incomplete: row.incomplete });
  }
  return [...cohorts.values()];
}

/** The average of the cohorts whose window is over, by window: each user counts alike in the rate. */
export function average(cohorts: Cohort[], windows: number): ({ rate: number; users: number; size: number } | null)[] {
  return Array.from({ length: windows }, (_, window) => {
    let users = 0;
    let size = 0;
    let whole = 0;
    for (const cohort of cohorts) {
      const cell = cohort.cells[window];
      if (!cell || cell.incomplete) continue;
      users += cell.users;
      size += cohort.size;
      whole++;
    }
    return size ? { rate: users / size, users: users / whole, size: size / whole } : null;
  });
}
