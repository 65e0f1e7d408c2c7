// The pages. A page is loaded when it is first opened. web.go has the same paths.
import type { Component } from 'svelte';
import type { IconName } from '../shell/icons';

export interface Route {
  path: string;
  name: string;
  icon: IconName;
  /** The letter after g that opens it. */
  key: string;
  /** Where in the menu it is. */
  menu: 'pages' | 'foot';
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
  { path: '/users', name: 'Users', icon: 'users', key: 'u', menu: 'pages', load: () => import('../pages/Users.svelte') },
  { path: '/cohorts', name: 'Cohorts', icon: 'cohorts', key: 'c', menu: 'pages', load: () => import('../pages/Cohorts.svelte') },
  { path: '/live', name: 'Live', icon: 'live', key: 'l', menu: 'pages', load: () => import('../pages/Live.svelte') },
  { path: '/events', name: 'Events', icon: 'events', key: 'v', menu: 'pages', load: () => import('../pages/Events.svelte') },
  { path: '/start', name: 'Send events', icon: 'plus', key: 's', menu: 'foot', load: () => import('../pages/Start.svelte') },
  { path: '/settings', name: 'Settings', icon: 'settings', key: 't', menu: 'foot', load: () => import('../pages/Settings.svelte') },
];

/** Those in the bar at the bottom of a phone; the others are behind "More". */
export const onPhones = ['/', '/explore', '/retention', '/live'];
