// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/config/ConfigFile.h"
#include "appliance/config/PmgConfReader.h"

namespace portcullis::config {

namespace {

Status applyOne(schema::SectionFile &file, const PmgConfEditor::Change &change)
{
    const QString where = QString::fromUtf8(change.section + '/' + change.key);
    const schema::SectionSpec *section = schema::findSection(change.section);
    if (section == nullptr) {
        return Error::permanent("config.unknown-section",
                                QStringLiteral("%1: unknown section").arg(where));
    }
    const schema::KeySpec *spec = section->find(change.key);
    if (spec == nullptr) {
        return Error::permanent("config.unknown-key", QStringLiteral("%1: unknown key").arg(where));
    }
    if (!change.value) {
        file.remove(change.section, change.key);
        return ok();
    }
    auto value = schema::parseValue(*spec, *change.value);
    if (!value) {
        return Error::permanent("config.value",
                                QStringLiteral("%1: %2").arg(where, value.error().detail));
    }
    if (value.value() == schema::defaultOf(*spec)) {
        file.remove(change.section, change.key);
        return ok();
    }
    return file.set(change.section, change.key, schema::toText(*value));
}

}  // namespace

PmgConfEditor::PmgConfEditor(const Paths &paths)
    : m_path(paths.etc() + QStringLiteral("/pmg.conf"))
{
}

Status PmgConfEditor::apply(const std::vector<Change> &changes,
                            const QByteArray &expectedDigest) const
{
    const auto lock = TRY(ConfigLock::take(m_path));
    const QByteArray before = TRY(readConfigFile(m_path));
    if (!expectedDigest.isEmpty() && expectedDigest != digestOf(before)) {
        return Error::permanent(
            "config.digest",
            QStringLiteral("%1: modified since it was read; read it again").arg(m_path));
    }
    schema::SectionFile file = TRY(schema::SectionFile::parse(before, m_path));
    for (const Change &change : changes) {
        TRY(applyOne(file, change));
    }
    FaultList faults;
    std::vector<QString> warnings;
    PmgConfValues::read(file, m_path, faults, warnings);
    if (!faults.isEmpty()) {
        return faults.toError();
    }
    const QByteArray after = file.toBytes();
    return after == before ? ok() : writeConfigFile(m_path, after);
}

}  // namespace portcullis::config
