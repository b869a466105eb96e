/** Events and errors → terminal, quiet text, or JSON. Knows nothing else of the program. */
export {renderError} from './error.js';
export {createReporter, type Reporter, type Verbosity} from './reporter.js';
export {formatBytes, formatDuration} from './units.js';
