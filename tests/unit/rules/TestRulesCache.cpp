// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/RulesCache.h"

#include <QtCore/QDir>
#include <QtCore/QTemporaryDir>
#include <QtTest/QtTest>

namespace portcullis::rules {

class TestRulesCache final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void writesAndReads();
    void refusesDamage_data();
    void refusesDamage();
    void missingFileIsTransient();
    void followsTheFile();
    void f16KeepsTheLastGoodRules();

private:
    static StoredDocument stored(MemoryRuleStore &store, const RuleDocument &document);
    static QByteArray contentOf(const QString &path);
    static void replace(const QString &path, const QByteArray &content);
};

StoredDocument TestRulesCache::stored(MemoryRuleStore &store, const RuleDocument &document)
{
    const auto saved = store.save(document, QStringLiteral("root@pam"),
                                  QStringLiteral("a \"note\"\n"));
    return saved ? store.current().take() : StoredDocument{};
}

QByteArray TestRulesCache::contentOf(const QString &path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

void TestRulesCache::replace(const QString &path, const QByteArray &content)
{
    QFile file(path + QStringLiteral(".new"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(content);
    file.close();
    QFile::remove(path);
    QVERIFY(QFile::rename(file.fileName(), path));
}

void TestRulesCache::writesAndReads()
{
    const QTemporaryDir folder;
    MemoryRuleStore store;
    const StoredDocument document = stored(store, factoryDefaults());
    const RulesCache cache(folder.filePath(QStringLiteral("rules/current.json")));
    QVERIFY(cache.write(document));
    const auto back = cache.read();
    QVERIFY(back);
    QCOMPARE(back->json, document.json);
    QCOMPARE(back->entry.key, document.entry.key);
    QCOMPARE(back->entry.note, document.entry.note);
    QCOMPARE(QDir(folder.filePath(QStringLiteral("rules"))).entryList(QDir::Files),
             QStringList{QStringLiteral("current.json")});
}

void TestRulesCache::refusesDamage_data()
{
    QTest::addColumn<int>("change");
    QTest::newRow("F16 half-written") << 0;
    QTest::newRow("F15 flipped byte") << 1;
    QTest::newRow("F16 empty") << 2;
    QTest::newRow("F15 foreign file") << 3;
}

void TestRulesCache::refusesDamage()
{
    QFETCH(int, change);
    const QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("current.json"));
    MemoryRuleStore store;
    const RulesCache cache(path);
    QVERIFY(cache.write(stored(store, factoryDefaults())));
    QByteArray content = contentOf(path);
    if (change == 0) {
        content.truncate(content.size() / 2);
    } else if (change == 1) {
        content[content.size() / 2] = '~';
    } else {
        content = change == 2 ? QByteArray() : QByteArray("hello\nworld");
    }
    replace(path, content);
    const auto back = cache.read();
    QVERIFY(!back);
    QCOMPARE(back.error().id, QByteArray("rules.cache-damaged"));
}

void TestRulesCache::missingFileIsTransient()
{
    CachedRules rules(QStringLiteral("/nonexistent/current.json"));
    const auto current = rules.current();
    QVERIFY(!current);
    QCOMPARE(current.error().id, QByteArray("rules.cache-missing"));
    QVERIFY(current.error().isTransient());
}

void TestRulesCache::followsTheFile()
{
    const QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("current.json"));
    MemoryRuleStore store;
    const RulesCache cache(path);
    CachedRules rules(path);
    QVERIFY(!rules.current());
    QVERIFY(cache.write(stored(store, factoryDefaults())));
    const auto first = rules.current();
    QVERIFY(first);
    QCOMPARE(rules.current()->rules, first->rules);
    RuleDocument changed = factoryDefaults();
    changed.rules.clear();
    QVERIFY(cache.write(stored(store, changed)));
    const auto second = rules.current();
    QVERIFY(second);
    QVERIFY(second->rules != first->rules);
    QCOMPARE(second->key.generation, qint64{2});
}

void TestRulesCache::f16KeepsTheLastGoodRules()
{
    const QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("current.json"));
    MemoryRuleStore store;
    const RulesCache cache(path);
    QVERIFY(cache.write(stored(store, factoryDefaults())));
    CachedRules rules(path);
    const auto good = rules.current();
    QVERIFY(good);
    replace(path, "{}\n{}");
    QCOMPARE(rules.current()->rules, good->rules);
    QVERIFY(rules.problem());
    QFile::remove(path);
    QCOMPARE(rules.current()->rules, good->rules);
    QVERIFY(cache.write(stored(store, factoryDefaults())));
    QVERIFY(rules.current()->rules != good->rules);
    QVERIFY(!rules.problem());
}

}  // namespace portcullis::rules

QTEST_GUILESS_MAIN(portcullis::rules::TestRulesCache)
#include "TestRulesCache.moc"
