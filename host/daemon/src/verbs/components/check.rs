//! `openclaw components check FILE`

use std::path::PathBuf;

use clap::Args;
use openclaw_config::gateway::CallLimits;
use openclaw_runtime::{FixtureCall, Import, Inspection, Limits, Manifest, Need, Pool, Shape};
use serde_json::{Value, json};

use super::contract::Contract;
use super::file::ComponentFile;
use super::trial::Trial;
use crate::error::{CliError, Kind};
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw components check lookup.wasm
  openclaw components check lookup.wasm --json";

/// Look at a component file: what it is, what it asks for, whether a gateway would take it.
///
/// It is loaded into a gateway of its own, with everything granted that it asks
/// for, and limits at their defaults. Ends with 1 where it would be refused.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Check {
    /// The component.
    file: PathBuf,
}

/// What was found.
struct Report<'a> {
    file: &'a ComponentFile,
    manifest: Option<Manifest>,
    grants: Vec<String>,
    /// What it was built against, beside this gateway; why that cannot be told.
    contract: Result<Contract, String>,
    /// The calls that it brings along.
    calls: usize,
    /// Why it would be refused.
    problems: Vec<String>,
    /// What is allowed, and costs something.
    warnings: Vec<String>,
}

impl Check {
    pub(super) async fn run(self, output: &Output) -> Result<(), CliError> {
        let file = ComponentFile::read(&self.file)?;
        let report = Report::of(&file).await?;
        if output.json {
            output.document(&report.to_json())?;
            return if report.problems.is_empty() { Ok(()) } else { Err(CliError::silent(Kind::Failed)) };
        }
        if !output.quiet {
            report.print(output)?;
        }
        if report.problems.is_empty() {
            return Ok(());
        }
        Err(CliError::failed(format!("{} would be refused: {}", self.file.display(), report.problems.join("; "))))
    }
}

impl<'a> Report<'a> {
    async fn of(file: &'a ComponentFile) -> Result<Self, CliError> {
        let limits = Limits::from(&CallLimits::default());
        let mut report = Self {
            file,
            manifest: None,
            grants: Vec::new(),
            contract: Contract::of(&file.wasm),
            calls: 0,
            problems: file.inspection.imports.iter().filter_map(unserved).collect(),
            warnings: warnings(&file.inspection, &limits),
        };
        report.problems.extend(file.inspection.shape.pool(&limits).err().into_iter().flatten());
        match FixtureCall::embedded(&file.wasm) {
            Ok(calls) => report.calls = calls.len(),
            Err(flaw) => report.problems.push(flaw),
        }
        match file.manifest(&limits).await {
            Ok(manifest) => {
                report.grants = file.grants(&manifest);
                report.problems.extend(file.ungrantable(&report.grants));
                report.manifest = Some(manifest);
            }
            Err(error) => report.problems.push(error.to_string()),
        }
        report.load().await?;
        Ok(report)
    }

    /// The gateway's own word on it, where nothing is known against it yet.
    async fn load(&mut self) -> Result<(), CliError> {
        let Some(manifest) = self.manifest.as_ref().filter(|_| self.problems.is_empty()) else { return Ok(()) };
        match Trial::open(self.file, manifest.family.as_str(), self.grants.clone(), None).await? {
            Ok(trial) => trial.close().await,
            Err(refusal) => self.problems.push(refusal.to_string()),
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let inspection = &self.file.inspection;
        let shape = inspection.shape;
        let mut document = json!({
            "ok": self.problems.is_empty(),
            "digest": inspection.digest.to_string(),
            "bytes": inspection.bytes,
            "witVersion": inspection.wit_version(),
            "contract": self.contract.as_ref().map_or_else(|error| json!({ "error": error }), Contract::to_json),
            "calls": self.calls,
            "imports": inspection.imports.iter().map(|import| json!({
                "name": import.name,
                "needs": needs(&import.need),
            })).collect::<Vec<_>>(),
            "grants": self.grants,
            "migrates": inspection.migrates(),
            "initialMemoryBytes": shape.initial_memory_bytes,
            "coreInstances": shape.core_instances,
            "memories": shape.memories,
            "tables": shape.tables,
            "problems": self.problems,
            "warnings": self.warnings,
        });
        if let Some(manifest) = &self.manifest {
            let methods = manifest.methods.values();
            document["family"] = manifest.family.as_str().into();
            document["version"] = manifest.version.as_str().into();
            document["description"] = manifest.description.as_str().into();
            document["events"] = json!(manifest.events);
            document["methods"] = methods
                .map(|method| json!({ "name": method.name, "scope": method.scope.name(), "summary": method.summary }))
                .collect();
        }
        document
    }

    fn print(&self, output: &Output) -> Result<(), CliError> {
        let inspection = &self.file.inspection;
        let mut fields = json!({
            "digest": inspection.digest.to_string(),
            "size": format!("{} bytes", inspection.bytes),
            "contract": self.contract.as_ref().map_or_else(Clone::clone, Contract::summary),
            "memory": format!("{} bytes at the start", inspection.shape.initial_memory_bytes),
            "grants": if self.grants.is_empty() { "none needed".into() } else { self.grants.join(", ") },
        });
        if let Some(manifest) = &self.manifest {
            fields["family"] = format!("{} {}", manifest.family, manifest.version).into();
            fields["description"] = manifest.description.as_str().into();
        }
        if self.calls > 0 {
            fields["calls"] = format!("{}, which an install runs first", self.calls).into();
        }
        if inspection.migrates() {
            fields["migration"] = "before a tenant's first call, of the documents that another version left".into();
        }
        output.fields(&fields)?;
        if let Some(manifest) = &self.manifest {
            let methods = manifest.methods.values();
            let rows: Vec<_> = methods
                .map(|method| vec![method.name.clone(), method.scope.name().to_owned(), method.summary.clone()])
                .collect();
            output.line("")?;
            output.table(&["METHOD", "SCOPE", "SUMMARY"], &rows)?;
        }
        let rows: Vec<_> = inspection.imports.iter().map(|i| vec![i.name.clone(), needs(&i.need)]).collect();
        if !rows.is_empty() {
            output.line("")?;
            output.table(&["IMPORT", "NEEDS"], &rows)?;
        }
        for sentence in self.contract.iter().flat_map(Contract::sentences) {
            output.warning(&sentence);
        }
        self.warnings.iter().for_each(|warning| output.warning(warning));
        Ok(())
    }
}

fn unserved(import: &Import) -> Option<String> {
    (import.need == Need::Unserved).then(|| format!("it imports {}, which this gateway does not serve", import.name))
}

/// What it takes to have an import, in words.
fn needs(need: &Need) -> String {
    match need {
        Need::Nothing => "nothing".into(),
        Need::Grant(grant) => format!("the grant {grant}"),
        Need::Collections => "a grant for each collection that the manifest names".into(),
        Need::Hosts => "nothing; each host that it asks is granted by name: http:<host>".into(),
        Need::Wasi => "nothing: linked, and denied beyond the component's own".into(),
        Need::Unserved => "not served".into(),
    }
}

fn warnings(inspection: &Inspection, limits: &Limits) -> Vec<String> {
    let uncompiled = inspection.code.check().err().map(|error| format!("only the operator may install it: {error}"));
    let mut warnings = Vec::from_iter(uncompiled);
    warnings.extend(of_instances(&inspection.shape, limits));
    warnings
}

fn of_instances(shape: &Shape, limits: &Limits) -> Option<String> {
    if shape.pool(limits) == Ok(Pool::Large) {
        return Some("each of its calls takes one of the few large instances that all tenants share".into());
    }
    let (starts, resident) = (shape.initial_memory_bytes, Shape::RESIDENT_BYTES);
    let large = starts > resident;
    let warning = format!(
        "it starts with {starts} bytes of memory, more than the {resident} that a call gets back clean at no cost: \
         link with a smaller stack (-zstack-size=32768) and fewer static tables"
    );
    large.then_some(warning)
}
