import {expect, test} from 'vitest';
import {dibVariables} from './read-blueprint.js';

test("an image's variables are the person's own, without those of places and of what is printed", () => {
  const own = {DIB_DEBUG_TRACE: '1', DIB_PYPI_MIRROR: 'x'};
  const ours = {DIB_QUIET: '1', DIB_NO_TIMESTAMP: '1', DIB_RELEASE: 'trixie', DIB_IMAGE_CACHE: '/c', HOME: '/root'};
  expect(dibVariables({...own, ...ours})).toEqual(own);
});
