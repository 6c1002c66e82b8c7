# SPDX-License-Identifier: GPL-2.0-or-later
"""S19: testssl.sh finds no weakness in our STARTTLS."""

import json
import shutil
import subprocess

import peers  # noqa: F401  # opens the way to the gateway's harness
import harness
from harness import GatewayCase


class TestsslTest(GatewayCase):
    gateway_options = {"mail": {"tls": 1, "error_limit": 1000}}

    def test_S19_testssl_finds_no_old_protocol_no_weak_cipher_and_no_known_attack(self):
        report = self.gateway.scratch_folder / "testssl.json"
        done = subprocess.run(
            ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--starttls", "smtp", "--protocols",
             "--std", "--vulnerable", "--ip", "one", "--jsonfile", str(report),
             f"127.0.0.1:{self.gateway.external}"], capture_output=True, text=True, timeout=240, check=False)
        findings = {each["id"]: each for each in json.loads(report.read_text())}
        for looked_at in ("TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "cipherlist_NULL", "heartbleed", "ROBOT"):
            self.assertIn(looked_at, findings, done.stdout)
        for offered in ("TLS1_2", "TLS1_3"):
            self.assertTrue(findings[offered]["finding"].startswith("offered"), findings[offered])
        faults = [each for each in findings.values()
                  if each["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL")]
        self.assertEqual(faults, [])


if __name__ == "__main__":
    if shutil.which("testssl") is None:
        harness.skip_whole_file("testssl is not installed (apt-get install testssl.sh)")
    harness.main()
