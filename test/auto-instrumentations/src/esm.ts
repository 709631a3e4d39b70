import http from 'node:http';
import express from 'express';
import { serve } from './serve.ts';

void serve(http, express);
