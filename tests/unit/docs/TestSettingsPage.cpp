// SPDX-License-Identifier: GPL-2.0-or-later
#include "shared/schema/Schema.h"

#include <QtCore/QFile>
#include <QtTest/QtTest>

namespace {

using namespace portcullis;

/// A vertical bar would end the cell of the table.
QString cell(const QString &text)
{
    return QString(text).replace(QLatin1Char('|'), QStringLiteral("\\|"));
}

QString defaultText(const schema::KeySpec &key)
{
    if (key.isComputed) {
        return QStringLiteral("by memory");
    }
    if (key.defaultValue == nullptr) {
        return QStringLiteral("none");
    }
    return QStringLiteral("`%1`").arg(cell(QString::fromUtf8(key.defaultValue)));
}

QString originText(schema::Origin origin)
{
    switch (origin) {
    case schema::Origin::Guide:
        return QStringLiteral("PMG");
    case schema::Origin::Own:
        return QStringLiteral("ours");
    case schema::Origin::Retired:
        break;
    }
    return QStringLiteral("retired");
}

QString row(const schema::KeySpec &key)
{
    return QStringLiteral("| `%1` | %2 | %3 | %4 | %5 |\n")
        .arg(QString::fromUtf8(key.name), cell(key.typeText()), defaultText(key),
             originText(key.origin), cell(QString::fromUtf8(key.description)));
}

QString table(const schema::SectionSpec &section, bool isPending)
{
    QString rows;
    for (const schema::KeySpec &key : section.keys) {
        if (key.isPending == isPending) {
            rows += row(key);
        }
    }
    return rows.isEmpty() ? rows
                          : QStringLiteral("| key | value | default | from | what it does |\n"
                                           "| --- | --- | --- | --- | --- |\n")
                                + rows;
}

QString settingsPage()
{
    QString page = QStringLiteral(
        "<!-- Generated from shared/schema by tests/unit/docs; do not edit. Make it again with:\n"
        "     PORTCULLIS_WRITE_PAGES=1 build/release/tests/test_settings_page -->\n"
        "# Settings of pmg.conf\n"
        "\n"
        "Every key that may stand in `etc/pmg/pmg.conf`, by section. A key that is missing has its "
        "default.\nHow the file is written, and when a change takes effect, is told in "
        "[running.md](running.md).\n"
        "\n"
        "*From* says whether a key is one of Proxmox Mail Gateway's configuration (PMG) or our own "
        "(ours).\n*By memory* means that the default depends on the memory of the machine.\n");
    for (const schema::SectionSpec &section : schema::pmgConfSections()) {
        page += QStringLiteral("\n## section: %1\n\n%2.\n")
                    .arg(QString::fromUtf8(section.name), QString::fromUtf8(section.description));
        const QString acting = table(section, false);
        const QString pending = table(section, true);
        if (!acting.isEmpty()) {
            page += QLatin1Char('\n') + acting;
        }
        if (!pending.isEmpty()) {
            page += QStringLiteral("\nRead and checked, but without effect in this version:\n\n")
                    + pending;
        }
    }
    return page;
}

}  // namespace

class TestSettingsPage : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void committedPageIsWhatTheSchemaSays();
};

void TestSettingsPage::committedPageIsWhatTheSchemaSays()
{
    QFile file(QStringLiteral(PORTCULLIS_SOURCE_DIR "/docs/operator/settings.md"));
    if (qEnvironmentVariableIsSet("PORTCULLIS_WRITE_PAGES")) {
        QVERIFY2(file.open(QIODevice::WriteOnly), qPrintable(file.errorString()));
        file.write(settingsPage().toUtf8());
        return;
    }
    QVERIFY2(file.open(QIODevice::ReadOnly), qPrintable(file.errorString()));
    QVERIFY2(QString::fromUtf8(file.readAll()) == settingsPage(),
             "docs/operator/settings.md differs from shared/schema; make it again with "
             "PORTCULLIS_WRITE_PAGES=1 build/release/tests/test_settings_page");
}

QTEST_GUILESS_MAIN(TestSettingsPage)
#include "TestSettingsPage.moc"
