#!/usr/bin/env node
import {main} from '../dist/cli/main.js';

process.exitCode = await main(['image', 'build', ...process.argv.slice(2)]);
