import {expect, it} from 'vitest';
import {renderIni} from './ini.js';

it('INI: sections in order, booleans as Python spells them, undefined left out', () => {
  const text = renderIni({DEFAULT: {debug: false, workers: 1, host: undefined, log_dir: ''}, api: {on: true}});
  expect(text).toBe('[DEFAULT]\ndebug = False\nworkers = 1\nlog_dir = \n[api]\non = True\n');
});
