// What the tests find: ann with the sample of today in a project of her own, a project
// whose clock stands still, for pictures, one of days with other hours, and two without
// events; eve may only look.
import { test } from '@playwright/test';
import { origin } from './browser';
import { refuse, register, send, upload } from './client';
import { hostileText, longName, pictureDay, sample, sampleBoard, ticks } from './sample';

test('the sample', async () => {
  const ann = await register(origin(), 'ann');
  const eve = await register(origin(), 'eve');
  const make = (name: string) => send<{ id: number }>(ann, 'POST', '/api/projects', { name });
  const { id: project } = await make('Pictures');
  const { id: clocks } = await make('Clocks');
  const { id: empty } = await make('Empty');
  await make('Files');
  await Promise.all([upload(ann, sample()), upload({ ...ann, project }, sample(pictureDay)), upload({ ...ann, project: clocks }, ticks())]);
  await send(ann, 'PUT', `/api/projects/${project}/cohorts/buyers`, {
    description: 'Bought twice',
    filter: [{ did: 'purchase', times: '>=2' }],
  });
  await refuse({ ...ann, project }, [{ event: 'opened' }, { event: longName, properties: { [hostileText]: hostileText } }]);
  for (const id of [project, empty]) await send(ann, 'POST', `/api/projects/${id}/boards`, sampleBoard);
  await send(ann, 'POST', `/api/projects/${project}/members`, { username: 'eve', role: 'viewer' });
  await send(eve, 'POST', `/api/invitations/${project}/accept`);
});
