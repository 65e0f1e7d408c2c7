import { expect, test } from 'vitest';
import { menuPath, routeOf } from './routes';

test('paths have their route, and an item of the menu', () => {
  expect(routeOf('/boards').path).toBe('/boards');
  expect(routeOf('/boards/7').path).toBe('/boards/:id');
  expect(routeOf('/boards/seven').path).toBe('/');
  expect(routeOf('/boards/7/8').path).toBe('/');
  expect(routeOf('/').path).toBe('/');
  expect(menuPath('/boards/7')).toBe('/boards');
  expect(menuPath('/explore')).toBe('/explore');
  expect(menuPath('/')).toBe('/');
});
