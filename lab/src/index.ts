/** The plugin: roles and diagnostics in the cells of each notebook, and a panel for the current one. */

import {
  ILabShell,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import { Badges } from './badges';
import { exportNotebook, handleExportMenu, syncNotebook } from './exporting';
import { showMarkers } from './markers';
import { ExportPanel } from './panel';
import { ReleasesPanel } from './releases';
import { RunbookPanel } from './runbook';
import { showVerdict } from './verdict';
import { NotebookWatcher } from './watcher';

const CATEGORY = 'nbrelease';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'nbrelease-lab:plugin',
  description: 'Roles, diagnostics and export of notebooks.',
  autoStart: true,
  requires: [INotebookTracker, IEditorServices],
  optional: [ICommandPalette, ILabShell],
  activate
};

function activate(
  app: JupyterFrontEnd,
  tracker: INotebookTracker,
  editors: IEditorServices,
  palette: ICommandPalette | null
): void {
  const badges = new Badges(app.commands);
  const panel = new ExportPanel(editors, tracker);
  const runbook = new RunbookPanel(app.commands);
  const releases = new ReleasesPanel(app);
  const watchers = new WeakMap<NotebookPanel, NotebookWatcher>();

  const watch = async (notebook: NotebookPanel) => {
    await notebook.context.ready;
    const watcher = new NotebookWatcher(notebook);
    watchers.set(notebook, watcher);
    badges.show(watcher);
    showMarkers(watcher);
    showVerdict(notebook);
    if (tracker.currentWidget === notebook) {
      show(notebook);
    }
  };
  const show = (notebook: NotebookPanel | null) => {
    panel.watch((notebook && watchers.get(notebook)) ?? null);
    runbook.showForm(notebook);
    releases.path = notebook?.context.localPath ?? '';
  };
  tracker.forEach(notebook => void watch(notebook));
  tracker.widgetAdded.connect((_, notebook) => void watch(notebook));
  tracker.currentChanged.connect((_, notebook) => {
    if (notebook !== null) {
      watchers.get(notebook)?.checkSoon();
    }
    show(notebook);
  });
  // Another program may have changed an exported file.
  window.addEventListener('focus', () => {
    if (tracker.currentWidget !== null) {
      watchers.get(tracker.currentWidget)?.checkSoon();
    }
  });
  handleExportMenu(app.serviceManager.nbconvert);
  app.shell.add(panel, 'right', { rank: 900 });
  app.shell.add(runbook, 'right', { rank: 901 });
  app.shell.add(releases, 'right', { rank: 902 });

  const add = (command: string, label: string, execute: () => unknown) => {
    app.commands.addCommand(command, {
      label,
      execute,
      describedBy: { args: { type: 'object', properties: {} } }
    });
    palette?.addItem({ command, category: CATEGORY });
  };
  add('nbrelease:show', 'Show the Export Panel', () =>
    app.shell.activateById(panel.id)
  );
  add('nbrelease:show-runbook', 'Show the Runbook Panel', () =>
    app.shell.activateById(runbook.id)
  );
  add('nbrelease:show-releases', 'Show the Releases', () =>
    app.shell.activateById(releases.id)
  );
  add('nbrelease:export', 'Export Notebook', () => panel.act(exportNotebook));
  add('nbrelease:sync', 'Sync Notebook', () => panel.act(syncNotebook));
}

export default plugin;
