import type {Cli} from '../cli.js';
import {register as catalogLint} from './catalog-lint.js';
import {register as catalogList} from './catalog-list.js';
import {register as catalogShow} from './catalog-show.js';
import {register as completion} from './completion.js';
import {register as devcloudDestroy} from './devcloud-destroy.js';
import {register as devcloudDown} from './devcloud-down.js';
import {register as devcloudEnv} from './devcloud-env.js';
import {register as devcloudExec} from './devcloud-exec.js';
import {register as devcloudLogs} from './devcloud-logs.js';
import {register as devcloudShell} from './devcloud-shell.js';
import {register as devcloudStatus} from './devcloud-status.js';
import {register as devcloudUp} from './devcloud-up.js';
import {register as doctor} from './doctor.js';
import {register as elementList} from './element-list.js';
import {register as elementShow} from './element-show.js';
import {register as imageActivate} from './image-activate.js';
import {register as imageBuild} from './image-build.js';
import {register as imageBundle} from './image-bundle.js';
import {register as imageDib} from './image-dib.js';
import {register as imageDiff} from './image-diff.js';
import {register as imageLoad} from './image-load.js';
import {register as imagePlan} from './image-plan.js';
import {register as imageVerify} from './image-verify.js';
import {register as imageWhy} from './image-why.js';
import {register as quickstart} from './quickstart.js';
import {register as storeList} from './store-list.js';
import {register as storePrune} from './store-prune.js';
import {register as storeShow} from './store-show.js';
import {register as storeVerify} from './store-verify.js';
import {register as test} from './test.js';

/** Every command, in the order of `--help`. */
const commands: readonly ((cli: Cli) => void)[] = [
  quickstart,
  devcloudUp,
  devcloudDown,
  devcloudStatus,
  devcloudExec,
  devcloudShell,
  devcloudLogs,
  devcloudEnv,
  devcloudDestroy,
  imageBuild,
  imageDib,
  imageBundle,
  imagePlan,
  imageVerify,
  imageDiff,
  imageWhy,
  imageLoad,
  imageActivate,
  catalogList,
  catalogShow,
  catalogLint,
  elementList,
  elementShow,
  storeList,
  storeShow,
  storePrune,
  storeVerify,
  doctor,
  test,
  completion,
];

export function registerCommands(cli: Cli): void {
  for (const register of commands) register(cli);
}
