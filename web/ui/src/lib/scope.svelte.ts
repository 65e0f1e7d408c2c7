// What all pages share: project, time zone and range, read from the address.
import { address } from './address.svelte';
import { todayIn } from './now.svelte';
import { login, type Project } from './session.svelte';
import { browserZone, defaultRange, range, type Range } from './time';

class Scope {
  /** None where the address names one that the user is no member of: another one's figures would be taken for its. */
  readonly project: Project | undefined = $derived.by(() => {
    const named = address.get('project');
    return named ? login.projects.find((project) => String(project.id) === named) : login.projects[0];
  });
  readonly projectId = $derived(this.project?.id);
  /** The project's zone where it has chosen one, else the browser's. */
  readonly usualZone = $derived.by(() => {
    const chosen = this.project?.timezone;
    return chosen && chosen !== 'UTC' ? chosen : browserZone;
  });
  readonly zone = $derived(address.get('tz', this.usualZone));
  readonly today = $derived(todayIn(this.zone));
  readonly range: Range = $derived.by(() => {
    const from = address.get('from');
    return range(address.get('r', from ? 'custom' : defaultRange), this.today, from, address.get('to'));
  });
  readonly mayWrite = $derived(this.project !== undefined && this.project.role !== 'viewer');
  /** Keys, members and the project itself are for owners. */
  readonly mayManage = $derived(this.project?.role === 'owner');
}

export const scope = new Scope();

/** Closes a dialog when another project is shown: it asks about something of the one before. */
export function ofProject(dialog: HTMLDialogElement): () => void {
  void scope.projectId;
  return () => dialog.close();
}
