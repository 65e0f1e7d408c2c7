import './styles/fonts.css';
import './styles/tokens.css';
import './styles/base.css';
import { mount } from 'svelte';
import App from './App.svelte';

// After a roll-out the files of this build may be gone: the new build's are loaded,
// once, so that a network that is down does not reload for ever.
addEventListener('vite:preloadError', (event) => {
  if (sessionStorage.getItem('reloaded') === import.meta.url) return;
  sessionStorage.setItem('reloaded', import.meta.url);
  event.preventDefault();
  location.reload();
});

mount(App, { target: document.getElementById('app')! });
