// SPDX-License-Identifier: GPL-2.0-or-later
// Plays pmg-smtpd, pmg-smtp-filter, pmgpolicy and pmgdb towards the supervisor, by the name it is called under:
// the contract of arguments, --ready-fd and signals without mail. What it was told is kept in files
// below the root, and files there tell it to misbehave.
#include <QtCore/QByteArray>
#include <QtCore/QFile>
#include <QtCore/QString>

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

std::string optionValue(const std::vector<std::string> &words, const std::string &option)
{
    for (size_t i = 0; i + 1 < words.size(); ++i) {
        if (words[i] == option) {
            return words[i + 1];
        }
    }
    return {};
}

bool exists(const std::string &path)
{
    struct stat status {
    };
    return ::stat(path.c_str(), &status) == 0;
}

void note(const std::string &path, const std::string &text)
{
    QFile file(QString::fromStdString(path));
    if (file.open(QIODevice::WriteOnly | QIODevice::Append)) {
        file.write(QByteArray::fromStdString(text + "\n"));
    }
}

}  // namespace

int main(int argc, char *argv[])
{
    const std::vector<std::string> words(argv, argv + argc);
    const std::string name = words[0].substr(words[0].rfind('/') + 1);
    const std::string root = optionValue(words, "--root");
    const std::string notes = root + "/var/spool/pmg/scratch/" + name;
    std::string line = "uid=" + std::to_string(::getuid()) + " pid=" + std::to_string(::getpid());
    for (const std::string &word : words) {
        line += ' ' + word;
    }
    note(notes + ".started", line);
    if (exists(root + "/fail-" + name)) {
        return 1;
    }
    if (name == "pmgdb") {
        return 0;
    }
    sigset_t waited{};
    ::sigemptyset(&waited);
    for (const int number : {SIGTERM, SIGHUP}) {
        ::sigaddset(&waited, number);
    }
    // Blocked only while we wait: a supervisor that hands its own mask down would be noticed.
    sigset_t inherited{};
    ::sigprocmask(SIG_BLOCK, &waited, &inherited);
    note(notes + ".mask", ::sigismember(&inherited, SIGTERM) == 1 ? "blocked" : "clean");
    const std::string ports = name == "pmgpolicy" ? R"("policy":40003)"
                                                  : R"("smtp_ext":40001,"smtp_int":40002)";
    const std::string ready = R"({"event":"ready",)" + ports + "}\n";
    const int descriptor = std::atoi(
        optionValue(words, "--ready-fd").c_str());  // NOLINT(cert-err34-c)
    if (::write(descriptor, ready.data(), ready.size()) < 0) {
        return 1;
    }
    ::close(descriptor);
    for (;;) {
        int number = 0;
        ::sigwait(&waited, &number);
        note(notes + ".signals", std::to_string(number));
        if (number == SIGTERM) {
            return 0;
        }
    }
}
