import {formatBytes, formatDuration} from '../report/index.js';
import type {QuickstartResult} from '../workflows/quickstart.js';

/** What a person sees at the end of a quickstart: the answer, how to connect, how to look around, how to stop. */
export function describeQuickstart(result: QuickstartResult): string {
  const {image, version, devcloud, stages} = result;
  const total = stages.reduce((sum, stage) => sum + stage.durationMs, 0);
  const lines = [
    `image       ${image.file} (${formatBytes(image.sizeBytes)}, sha256 ${image.sha256.slice(0, 12)})`,
    `version     ${version.datastore} ${version.name}, ${version.isDefault ? 'active, the default' : 'active'}`,
    ...databaseLines(result),
    `took        ${formatDuration(total)}`,
  ];
  return [...lines, ...(result.isDestroyed ? [] : nextSteps(result, devcloud.name))].join('\n');
}

function databaseLines({instance, sql}: QuickstartResult): string[] {
  if (!instance || !sql) return [];
  return [
    `instance    ${instance.name} (${instance.id}), ${instance.status}, ${instance.operatingStatus}, at ${instance.address}`,
    `answer      ${sql.query} → ${sql.answer}, from server ${sql.serverVersion}`,
  ];
}

function nextSteps({connection, instance}: QuickstartResult, devcloud: string): string[] {
  const name = devcloud === 'devcloud' ? '' : ` --name ${devcloud}`;
  const connect = connection
    ? [
        `connect     ${connection.command}`,
        `            password: ${connection.passwordFile}`,
        `look        trovestack devcloud exec${name} -- openstack database instance show ${instance?.name}`,
      ]
    : [`look        trovestack devcloud exec${name} -- openstack datastore version list mariadb`];
  return [
    '',
    ...connect,
    `            eval "$(trovestack devcloud env${name})" sets OS_CLOUD for clients of your own`,
    `stop        trovestack devcloud down${name}      (up again goes on where it was)`,
    `remove      trovestack devcloud destroy${name}   (leaves nothing)`,
  ];
}
