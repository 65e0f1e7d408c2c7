// The pages. A page is loaded when it is first opened. web.go has the same paths.
import type { Component } from 'svelte';
import type { IconName } from '../shell/icons';

export interface Route {
  /** A part that begins with a colon is any number. */
  path: string;
  name: string;
  icon: IconName;
  /** The letter after g that opens it. */
  key?: string;
  /** Where in the menu it is; within is a page of the one above it, public one without a menu and without a login. */
  menu: 'pages' | 'foot' | 'within' | 'public';
  load: () => Promise<{ default: Component }>;
}

export const routes: Route[] = [
  { path: '/', name: 'Overview', icon: 'overview', key: 'o', menu: 'pages', load: () => import('../pages/Overview.svelte') },
  { path: '/explore', name: 'Explore', icon: 'explore', key: 'e', menu: 'pages', load: () => import('../pages/Explore.svelte') },
  { path: '/funnels', name: 'Funnels', icon: 'funnel', key: 'f', menu: 'pages', load: () => import('../pages/Funnels.svelte') },
  { path: '/retention', name: 'Retention', icon: 'retention', key: 'r', menu: 'pages', load: () => import('../pages/Retention.svelte') },
  { path: '/paths', name: 'Paths', icon: 'paths', key: 'p', menu: 'pages', load: () => import('../pages/Paths.svelte') },
  { path: '/lifecycle', name: 'Lifecycle', icon: 'lifecycle', key: 'y', menu: 'pages', load: () => import('../pages/Lifecycle.svelte') },
  { path: '/stickiness', name: 'Stickiness', icon: 'bars', key: 'k', menu: 'pages', load: () => import('../pages/Stickiness.svelte') },
  { path: '/sessions', name: 'Sessions', icon: 'sessions', key: 'n', menu: 'pages', load: () => import('../pages/Sessions.svelte') },
  { path: '/boards', name: 'Boards', icon: 'boards', key: 'b', menu: 'pages', load: () => import('../pages/Boards.svelte') },
  { path: '/boards/:id', name: 'Boards', icon: 'boards', menu: 'within', load: () => import('../pages/Board.svelte') },
  { path: '/users', name: 'Users', icon: 'users', key: 'u', menu: 'pages', load: () => import('../pages/Users.svelte') },
  { path: '/cohorts', name: 'Cohorts', icon: 'cohorts', key: 'c', menu: 'pages', load: () => import('../pages/Cohorts.svelte') },
  { path: '/live', name: 'Live', icon: 'live', key: 'l', menu: 'pages', load: () => import('../pages/Live.svelte') },
  { path: '/events', name: 'Events', icon: 'events', key: 'v', menu: 'pages', load: () => import('../pages/Events.svelte') },
  { path: '/share', name: 'A shared board', icon: 'boards', menu: 'public', load: () => import('../pages/Share.svelte') },
  { path: '/invite', name: 'An invite', icon: 'users', menu: 'within', load: () => import('../pages/Invite.svelte') },
  { path: '/start', name: 'Send events', icon: 'plus', key: 's', menu: 'foot', load: () => import('../pages/Start.svelte') },
  { path: '/settings', name: 'Settings', icon: 'settings', key: 't', menu: 'foot', load: () => import('../pages/Settings.svelte') },
];

/** Those in the bar at the bottom of a phone; the others are behind "More". */
export const onPhones = ['/', '/explore', '/retention', '/live'];

const parts = (path: string) => path.split('/');

/** The route of a path; the first one where there is none. */
export function routeOf(path: string): Route {
  const fits = (route: Route) =>
    parts(route.path).length === parts(path).length &&
    parts(route.path).every((part, k) => (part.startsWith(':') ? /^\d+$/.test(parts(path)[k]) : part === parts(path)[k]));
  return routes.find(fits) ?? routes[0];
}

/** The path of the menu's item for a path. */
export const menuPath = (path: string): string => routeOf(path).path.replace(/\/:.*/, '');
