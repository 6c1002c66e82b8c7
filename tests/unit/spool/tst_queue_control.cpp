// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/Paths.h"
#include "appliance/spool/ControlClient.h"
#include "appliance/spool/ControlServer.h"
#include "appliance/spool/QueueCommands.h"
#include "SpoolTools.h"

#include <QtCore/QDir>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QProcess>
#include <QtCore/QTimer>
#include <QtNetwork/QLocalSocket>

#include <sys/stat.h>

#include <thread>

using namespace portcullis;
using namespace portcullis::spool;
using namespace portcullis::spool::test;

namespace {

struct Outcome {
    int exitCode = -1;
    QByteArray output;
    QByteArray errors;
    [[nodiscard]] QJsonObject json() const { return QJsonDocument::fromJson(output).object(); }
};

/// Runs pmgqueue while this process, which serves it, keeps its event loop turning.
Outcome pmgqueue(const QString &root, const QStringList &arguments, const QByteArray &input = {})
{
    QProcess process;
    process.start(QStringLiteral(PORTCULLIS_BINARY_DIR "/bin/pmgqueue"),
                  QStringList{QStringLiteral("--root"), root} + arguments);
    process.write(input);
    process.closeWriteChannel();
    [[maybe_unused]] const bool isFinished = QTest::qWaitFor(
        [&process] { return process.state() == QProcess::NotRunning; }, 20'000);
    return {process.exitCode(), process.readAllStandardOutput(), process.readAllStandardError()};
}

/// A root with a queue in it, and what pmg-smtpd would serve.
struct Appliance {
    Appliance()
        : paths(root.path())
    {
        QDir().mkpath(paths.run());
        QDir().mkpath(paths.spool());
    }
    void start(FlushFunction flush = {})
    {
        spool = openSpool(smallSettings(paths.queue()));
        commands = std::make_unique<QueueCommands>(*spool, std::move(flush));
        ControlLimits limits;
        limits.lineBytes = 64 * 1024;
        limits.requestBytes = 1000;
        limits.connections = 4;
        server = std::make_unique<ControlServer>(limits);
        commands->registerWith(*server);
    }
    void stop()
    {
        server.reset();
        commands.reset();
        spool.reset();
    }
    ~Appliance() { stop(); }
    Q_DISABLE_COPY_MOVE(Appliance)

    QTemporaryDir root;
    Paths paths;
    std::unique_ptr<Spool> spool;
    std::unique_ptr<QueueCommands> commands;
    std::unique_ptr<ControlServer> server;
};

}  // namespace

class TestQueueControl final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void showsAndChangesTheRunningQueue();
    void readsTheQueueAtRest();
    void deleteAsksFirst();
    void flushReachesTheDelivery();
    void wrongArgumentsGiveUsage_data();
    void wrongArgumentsGiveUsage();
    void foreignTextCannotSteerTheTerminal();
    void hostileRequestsAreBounded_data();
    void hostileRequestsAreBounded();
    void furtherConnectionsAreClosed();
    void ownersAddCommandsWithBodies();
    void socketIsForOwnerAndGroup();
};

void TestQueueControl::showsAndChangesTheRunningQueue()
{
    Appliance appliance;
    appliance.start();
    QVERIFY(appliance.server->listen(appliance.paths.controlSocket()));
    const QByteArray id = add(*appliance.spool, messageOf(1));
    const QString name = QString::fromLatin1(id);
    const QString root = appliance.root.path();

    const QJsonObject listed = pmgqueue(root, {QStringLiteral("--json"), QStringLiteral("list")})
                                   .json();
    const QJsonArray entries = listed.value(QStringLiteral("entries")).toArray();
    QCOMPARE(entries.size(), 1);
    QCOMPARE(entries[0].toObject().value(QStringLiteral("id")).toString(), name);
    QVERIFY(pmgqueue(root, {QStringLiteral("list")}).output.contains("to <anna@example.org>"));
    QVERIFY(pmgqueue(root, {QStringLiteral("list"), QStringLiteral("--domain=example.com")})
                .output.contains("empty"));
    QVERIFY(pmgqueue(root, {QStringLiteral("list"), QStringLiteral("--all")}).output.contains(id));
    QVERIFY(pmgqueue(root, {QStringLiteral("shape")}).output.contains("example.org"));
    QVERIFY(pmgqueue(root, {QStringLiteral("statistics")}).output.contains("deliverable"));
    QCOMPARE(pmgqueue(root, {QStringLiteral("show"), name, QStringLiteral("--header")}).output,
             "Subject: message 1\r\n");
    QCOMPARE(pmgqueue(root, {QStringLiteral("show"), name, QStringLiteral("--message")}).output,
             messageOf(1));
    QVERIFY(pmgqueue(root, {QStringLiteral("show"), name}).output.contains("sender@example.net"));

    QCOMPARE(pmgqueue(root, {QStringLiteral("hold"), name, QStringLiteral("--reason"),
                             QStringLiteral("looks odd")})
                 .exitCode,
             0);
    QCOMPARE(appliance.spool->summary(id)->stage, Stage::Held);
    QVERIFY(pmgqueue(root, {QStringLiteral("list")}).output.contains("looks odd"));
    QCOMPARE(pmgqueue(root, {QStringLiteral("release"), name}).exitCode, 0);
    QCOMPARE(appliance.spool->summary(id)->stage, Stage::Deliverable);
    QCOMPARE(pmgqueue(root, {QStringLiteral("show"), QStringLiteral("FFFFFFFFFFFFF")}).exitCode, 1);
    QCOMPARE(pmgqueue(root, {QStringLiteral("show"), QStringLiteral("../x")}).exitCode, 2);
}

void TestQueueControl::readsTheQueueAtRest()
{
    Appliance appliance;
    appliance.start();
    const QByteArray id = add(*appliance.spool, messageOf(1));
    appliance.stop();
    const QString root = appliance.root.path();
    const Outcome listed = pmgqueue(root, {QStringLiteral("list")});
    QVERIFY(listed.output.contains(id));
    QVERIFY(listed.errors.contains("not running"));
    const Outcome held = pmgqueue(root, {QStringLiteral("hold"), QString::fromLatin1(id)});
    QCOMPARE(held.exitCode, 1);
    QVERIFY(held.errors.contains("not running"));
}

void TestQueueControl::deleteAsksFirst()
{
    Appliance appliance;
    appliance.start();
    QVERIFY(appliance.server->listen(appliance.paths.controlSocket()));
    const QString first = QString::fromLatin1(add(*appliance.spool, messageOf(1)));
    for (int i = 0; i < 600; ++i) {
        add(*appliance.spool, messageOf(i, 100), Durability::Lazy);
    }
    const QString root = appliance.root.path();
    QCOMPARE(pmgqueue(root, {QStringLiteral("delete"), first}, "n\n").exitCode, 1);
    QCOMPARE(entryCount(*appliance.spool), 601);
    QCOMPARE(pmgqueue(root, {QStringLiteral("delete"), first}, "y\n").exitCode, 0);
    QCOMPARE(entryCount(*appliance.spool), 600);
    const Outcome all = pmgqueue(root, {QStringLiteral("delete"), QStringLiteral("--all"),
                                        QStringLiteral("--stage"), QStringLiteral("deliverable"),
                                        QStringLiteral("--yes")});
    QCOMPARE(all.output, "600 deleted\n");
    QCOMPARE(entryCount(*appliance.spool), 0);
}

void TestQueueControl::flushReachesTheDelivery()
{
    Appliance appliance;
    QList<FlushRequest> flushed;
    appliance.start([&flushed](const FlushRequest &request) { flushed.push_back(request); });
    QVERIFY(appliance.server->listen(appliance.paths.controlSocket()));
    const QByteArray id = add(*appliance.spool, messageOf(1));
    const QString root = appliance.root.path();
    QCOMPARE(pmgqueue(root, {QStringLiteral("flush"), QString::fromLatin1(id)}).exitCode, 0);
    QCOMPARE(
        pmgqueue(root, {QStringLiteral("flush"), QStringLiteral("--domain=Example.ORG")}).exitCode,
        0);
    QCOMPARE(pmgqueue(root, {QStringLiteral("flush"), QStringLiteral("--all")}).exitCode, 0);
    QCOMPARE(flushed.size(), 3);
    QCOMPARE(flushed[0].id, id);
    QCOMPARE(flushed[1].domain, "example.org");
}

void TestQueueControl::wrongArgumentsGiveUsage_data()
{
    QTest::addColumn<QString>("line");
    QTest::newRow("nothing") << QString();
    QTest::newRow("unknown command") << QStringLiteral("explode");
    QTest::newRow("unknown option") << QStringLiteral("list --colour");
    QTest::newRow("option of another command") << QStringLiteral("list --reason x");
    QTest::newRow("missing value") << QStringLiteral("list --stage");
    QTest::newRow("missing id") << QStringLiteral("show");
    QTest::newRow("two ids") << QStringLiteral("hold 1111111111111 2222222222222");
    QTest::newRow("delete without target") << QStringLiteral("delete");
    QTest::newRow("delete all of every stage") << QStringLiteral("delete --all");
    QTest::newRow("flush without target") << QStringLiteral("flush");
    QTest::newRow("limit is no number") << QStringLiteral("list --limit many");
}

void TestQueueControl::wrongArgumentsGiveUsage()
{
    QFETCH(QString, line);
    const Outcome outcome = pmgqueue(QStringLiteral("/nonexistent"),
                                     line.split(u' ', Qt::SkipEmptyParts));
    QCOMPARE(outcome.exitCode, 2);
    QVERIFY(outcome.errors.contains("usage: pmgqueue"));
    QVERIFY(outcome.output.isEmpty());
}

void TestQueueControl::foreignTextCannotSteerTheTerminal()
{
    Appliance appliance;
    appliance.start();
    Entry entry = entryOf(appliance.spool->nextQueueId(), messageOf(1));
    entry.client.helo = "\x1b]0;owned\x07";
    entry.reason = "451 \x1b[2J\xE2\x80\xAE"
                   "evil";  // With a right-to-left override.
    Transaction transaction;
    transaction.add(entry);
    QVERIFY(appliance.spool->commitAndWait(std::move(transaction)));
    appliance.stop();
    for (const QStringList &arguments :
         {QStringList{QStringLiteral("list")},
          QStringList{QStringLiteral("show"), QString::fromLatin1(entry.id)}}) {
        const QByteArray output = pmgqueue(appliance.root.path(), arguments).output;
        QVERIFY(output.contains("evil"));
        QVERIFY(!output.contains('\x1b') && !output.contains("\xE2\x80\xAE"));
    }
}

void TestQueueControl::hostileRequestsAreBounded_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("error");
    QTest::newRow("no JSON") << QByteArray("HELO x\n") << QByteArray("control.protocol");
    QTest::newRow("no object") << QByteArray("[1]\n") << QByteArray("control.protocol");
    QTest::newRow("endless line") << QByteArray(70'000, 'x') << QByteArray("control.protocol");
    QTest::newRow("negative body")
        << QByteArray("{\"command\":\"list\",\"bytes\":-1}\n") << QByteArray("control.protocol");
    QTest::newRow("body over the limit") << QByteArray("{\"command\":\"list\",\"bytes\":100000}\n")
                                         << QByteArray("control.too-large");
    QTest::newRow("unknown command")
        << QByteArray("{\"command\":\"boom\"}\n") << QByteArray("control.unknown-command");
    QTest::newRow("unknown stage")
        << QByteArray("{\"command\":\"list\",\"arguments\":{\"stage\":\"moon\"}}\n")
        << QByteArray("queue.argument");
    QTest::newRow("forged cursor")
        << QByteArray("{\"command\":\"list\",\"arguments\":{\"cursor\":\"9:1:2\"}}\n")
        << QByteArray("queue.argument");
    QTest::newRow("deep nesting") << "{\"command\":\"list\",\"arguments\":"
                                         + QByteArray(30'000, '[') + "\n"
                                  << QByteArray("control.protocol");
}

void TestQueueControl::hostileRequestsAreBounded()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, error);
    Appliance appliance;
    appliance.start();
    QVERIFY(appliance.server->listen(appliance.paths.controlSocket()));
    QLocalSocket socket;
    socket.connectToServer(appliance.paths.controlSocket());
    socket.write(bytes);
    QTRY_VERIFY(socket.canReadLine());
    const QJsonObject reply = QJsonDocument::fromJson(socket.readLine()).object();
    QCOMPARE(reply.value(QStringLiteral("ok")).toBool(true), false);
    QCOMPARE(reply.value(QStringLiteral("error")).toObject().value(QStringLiteral("id")).toString(),
             QString::fromLatin1(error));
}

void TestQueueControl::furtherConnectionsAreClosed()
{
    Appliance appliance;
    appliance.start();
    QVERIFY(appliance.server->listen(appliance.paths.controlSocket()));
    std::vector<std::unique_ptr<QLocalSocket>> sockets;
    for (int i = 0; i < 5; ++i) {
        sockets.push_back(std::make_unique<QLocalSocket>());
        sockets.back()->connectToServer(appliance.paths.controlSocket());
    }
    QTRY_COMPARE(sockets.back()->state(), QLocalSocket::UnconnectedState);
    QCOMPARE(sockets.front()->state(), QLocalSocket::ConnectedState);
    sockets.front()->disconnectFromServer();
    QTest::qWait(50);
    sockets.back()->connectToServer(appliance.paths.controlSocket());
    sockets.back()->write("{\"command\":\"statistics\"}\n");
    QTRY_VERIFY(sockets.back()->canReadLine());
}

void TestQueueControl::ownersAddCommandsWithBodies()
{
    Appliance appliance;
    appliance.start();
    appliance.server->addCommand(
        "submit", [](const ControlRequest &request, const ControlAnswer &answer) {
            QTimer::singleShot(10, [request, answer] {
                answer(ControlReply{{{QStringLiteral("size"), request.body.size()}},
                                    request.body.toUpper()});
            });
        });
    QVERIFY(appliance.server->listen(appliance.paths.controlSocket()));
    std::atomic<int> done{0};
    Result<ControlReply> first = Error::transient("test", {});
    Result<ControlReply> second = Error::transient("test", {});
    std::thread client([&] {
        auto connection = ControlClient::connect(appliance.paths.controlSocket());
        if (connection) {
            first = connection->call({"submit", {}, "raw\n\0bytes"});
            second = connection->call({"submit", {}, QByteArray(1000, 'x')});
        }
        done = 1;
    });
    QTRY_COMPARE(done.load(), 1);
    client.join();
    QVERIFY(first);
    QCOMPARE(first->body, QByteArray("RAW\n"));
    QVERIFY(second);
    QCOMPARE(second->result.value(QStringLiteral("size")).toInt(), 1000);
}

void TestQueueControl::socketIsForOwnerAndGroup()
{
    Appliance appliance;
    appliance.start();
    const QString path = appliance.paths.controlSocket();
    QVERIFY(appliance.server->listen(path));
    struct stat status {
    };
    QCOMPARE(::stat(qPrintable(path), &status), 0);
    QCOMPARE(status.st_mode & 0777, 0660U);
    ControlServer second;
    QCOMPARE(second.listen(path).error().id, "control.in-use");
    appliance.stop();
    // A socket that a dead process has left is replaced.
    QFile left(path);
    QVERIFY(left.open(QIODevice::WriteOnly));
    left.close();
    QVERIFY(second.listen(path));
}

QTEST_GUILESS_MAIN(TestQueueControl)
#include "tst_queue_control.moc"
