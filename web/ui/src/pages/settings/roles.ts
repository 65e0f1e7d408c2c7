/** What members may do, the least first. */
export const roles = [
  ['viewer', 'Viewer: asks questions'],
  ['editor', 'Editor: also sends events, makes boards and cohorts'],
  ['owner', 'Owner: also decides about members and keys'],
] as const;
